"""Write the editions of the notebooks: `make editions`.

    _build/notebooks/plain/      each notebook of the book, for any front end
    _build/notebooks/student/    exercises as stubs with checks, without solutions and answers
    _build/notebooks/teacher/    every answer open, and notes beside the cells they belong to
    _build/notebooks/course/     a course for nbgrader: assign, collect, grade

Nothing is run: code and outputs are those of the book. Files of these editions are written anew;
every other file stays, such as the submissions and marks of a course.
"""

from __future__ import annotations

from editions.course import write_course, write_students
from editions.notebooks import write_plain
from editions.references import ROOT, read_book
from editions.teacher import write_teachers

OUT = ROOT / "_build" / "notebooks"


def main() -> None:
    """Write all editions."""
    with read_book() as references:
        write_plain(references, OUT / "plain")
        write_students(references, OUT / "student")
        write_teachers(references, OUT / "teacher")
        write_course(references, OUT / "course")
    print(OUT)


if __name__ == "__main__":
    main()
