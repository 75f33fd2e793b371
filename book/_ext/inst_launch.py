"""Each page that is a notebook says at its head where to run it.

The links lead to the plain notebooks (tools/editions), which any front end shows: on the branch
"notebooks", which the workflow of the pages pushes, and for a download beside the pages themselves.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path

from docutils import nodes
from inst_languages import english_site
from sphinx.application import Sphinx
from sphinx.locale import _

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))
BRANCH = "notebooks"
FOLDER = "notebooks"  # beside the pages


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("doctree-resolved", _launch_bar)
    app.connect("build-finished", _write_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _launch_bar(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put the bar below the title of a page that is a notebook."""
    if app.builder.name != "html" or Path(app.env.doc2path(page)).suffix != ".ipynb":
        return
    title = next(doctree.findall(nodes.title))
    folder = f"../{english_site(app)}{FOLDER}"
    bar = nodes.raw("", launch_bar(Path(page).name, repository(app), folder), format="html")
    title.parent.insert(title.parent.index(title) + 1, bar)


def launch_bar(name: str, repository: str, folder: str) -> str:
    """The bar for the notebook of this name, as HTML.

    repository: "owner/name" on GitHub. folder: where the notebooks are, seen from the page.
    """
    file = f"{name}.ipynb"
    source = f"github.com/{repository}/blob/{BRANCH}/{file}"
    places = {
        "Colab": f"https://colab.research.google.com/{source.replace('.com', '', 1)}",
        "Kaggle": f"https://kaggle.com/kernels/welcome?src=https://{source}",
        "Binder": f"https://mybinder.org/v2/gh/{repository}/{BRANCH}?urlpath=lab/tree/{file}",
    }
    links = [f'<a href="{escape(url)}">{place}</a>' for place, url in places.items()]
    links.append(f'<a href="{folder}/{file}" download>{_("Download")}</a>')
    label = _("Run this page")
    return (
        f'<nav class="inst-launch" aria-label="{label}"><span>{label}</span>{"".join(links)}</nav>'
    )


def repository(app: Sphinx) -> str:
    """The name of the book's repository, "owner/name"."""
    address: str = app.config.html_theme_options["repository_url"]
    return address.split("github.com/")[1]


def _write_notebooks(app: Sphinx, error: Exception | None) -> None:
    """Write the plain notebooks beside the pages."""
    if error is None and app.builder.name == "html" and not english_site(app):
        from editions.notebooks import write_plain
        from editions.references import References

        write_plain(References(app), Path(app.outdir, FOLDER))
