"""Bring the catalogues of the Korean edition up to date with the pages: `make korean`.

Each page that locale/ko/pages.yml lists has a catalogue, locale/ko/LC_MESSAGES/<page>.po. Its
translations are kept. An entry whose English has changed is marked "fuzzy" and shows the former
English; whoever has brought the Korean up to date deletes the mark. What is left to do is printed.
A page that is not listed, or no longer, keeps its catalogue, which is brought up to date as well.
"""

from __future__ import annotations

from korean.catalogues import (
    begun_pages,
    entries,
    messages,
    read,
    translated_pages,
    updated,
    write,
)


def main() -> None:
    """Update all catalogues."""
    for page, texts in messages([*translated_pages(), *begun_pages()]).items():
        catalogue = updated(read(page), texts)
        write(page, catalogue)
        all_entries = entries(catalogue)
        fuzzy = sum(entry.fuzzy for entry in all_entries)
        empty = sum(not entry.string for entry in all_entries)
        print(f"{page}: {len(all_entries)} messages, {empty} untranslated, {fuzzy} fuzzy")


if __name__ == "__main__":
    main()
