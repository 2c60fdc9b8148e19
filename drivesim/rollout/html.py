"""HTML pages from templates: those of this package, and those of other packages that build on them."""

from __future__ import annotations

from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def page_of(package: str, template: str, **values: Any) -> str:
    """Returns a page of a template in the folder `templates` of a package; it may extend `base.html` of this one.

    All text among the values is escaped, so that names and errors are shown as they are.
    """
    loader = ChoiceLoader([PackageLoader(package), PackageLoader("drivesim.rollout")])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template(template).render(**values)
