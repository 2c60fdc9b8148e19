"""What the documentation site holds besides the pages of this folder; mkdocs calls these functions.

Files from the top of the repository become pages, and every part of the package gets a page of its Python reference.
Links are written so that they work where the repository is read; here they are turned into links of the site.
"""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files at the top of the repository, and the pages that they become."""
PARTS = {
    "scenario": "Scenarios",
    "engine": "Engine",
    "rollout": "Rollouts",
    "batch": "Batches",
    "archive": "Archives",
    "errors": "Errors",
    "geometry": "Geometry",
    "diffusion": "Diffusion",
    "detection": "Detection",
    "models": "Models",
    "data": "Data",
    "world": "World",
    "training": "Training",
    "evaluation": "Evaluation",
}
"""Parts of the package that have a page of the reference, each with its title."""
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages and the scenario files that are not in this folder."""
    for name, page in PAGES.items():
        files.append(File.generated(config, page, content=_moved(name)))
    for part in PARTS:
        files.append(File.generated(config, f"api/{part}.md", content=_reference(part)))
    for file in [ROOT / "LICENSE", ROOT / "CITATION.cff", *sorted((ROOT / "scenarios").iterdir())]:
        if file.is_file():
            files.append(File.generated(config, file.relative_to(ROOT).as_posix(), abs_src_path=str(file)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links that lead out of this folder into links of the site."""
    del config, files
    return _linked(markdown, PurePosixPath("docs", page.file.src_uri).parent)


def _moved(name: str) -> str:
    """A file at the top of the repository, as a page of this folder."""
    return _linked((ROOT / name).read_text(encoding="utf-8"), PurePosixPath(), "docs")


def _linked(markdown: str, folder: PurePosixPath, page_folder: str | None = None) -> str:
    """A page of `folder` of the repository with links as the site has them, where it lies in `page_folder`."""

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(folder / found[1])
        target = f"docs/{PAGES.get(target, target)}" if not target.startswith("docs/") else target
        return posixpath.relpath(target, page_folder or folder)

    return _LINK.sub(link, markdown)


def _reference(part: str) -> str:
    """The page of a part: what it is for, then every module of it with what is public there."""
    place = ROOT / "drivesim" / part
    package = place / "__init__.py"
    modules = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    names = [
        ".".join(module.relative_to(ROOT).with_suffix("").parts) for module in modules if module.name != "__init__.py"
    ]
    about = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) if package.is_file() else None
    return f"# {PARTS[part]}\n\n{about or ''}\n\n" + "\n".join(f"::: {name}\n" for name in names)
