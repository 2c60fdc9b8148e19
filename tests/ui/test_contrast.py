"""Text on the page can be read in light and in dark (WCAG 2.2, success criterion 1.4.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("ui")
WRONG = "format: 1\nname: two words\n"
ODD = "format: 1\nname: x\nboxes: [{category: car, xyxy: [300, 40, 420, 120]}]\n"

# Every text that is shown, but for that of pictures and disabled controls, with a contrast below 4.5.
_TOO_FAINT = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const over = ([r, g, b, a = 1], under) => [r, g, b].map((value, k) => value * a + under[k] * (1 - a));
  const linear = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = (rgb) => rgb.map(linear).reduce((sum, value, k) => sum + value * [0.2126, 0.7152, 0.0722][k], 0);
  const around = (element) => (element ? [...around(element.parentElement), element] : []);
  const faint = [];
  const check = (element, colour, text) => {
    const grounds = around(element).map((one) => parts(getComputedStyle(one).backgroundColor));
    const ground = grounds.reduce((under, layer) => over(layer, under), [255, 255, 255]);
    const [dark, light] = [over(parts(colour), ground), ground].map(luminance).sort((a, b) => a - b);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(1)}: ${text.slice(0, 60)}`);
  };
  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    const opacity = around(element).reduce((product, one) => product * getComputedStyle(one).opacity, 1);
    const shown = element.offsetParent && style.visibility !== "hidden" && opacity > 0.05;
    if (!shown || element.closest("svg, :disabled")) continue;
    const own = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent.trim());
    if (own.join("")) check(element, style.color, own.join(" "));
    if (!element.matches("textarea, input:not([type=radio], [type=range])")) continue;
    if (element.value) check(element, style.color, element.value);
    else if (element.placeholder) check(element, getComputedStyle(element, "::placeholder").color, element.placeholder);
  }
  return faint;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(open_page: Callable[..., Any], server: Any, scheme: str) -> None:
    with open_page(server.url, color_scheme=scheme) as page:
        page.wait_for_function("dark => document.body.classList.contains('dark') === dark", arg=scheme == "dark")
        page.click("#shortcuts summary")
        for tab in ("compose", "futures", "archives", "study", "scenario"):
            page.tab(tab)
            assert page.evaluate(_TOO_FAINT) == [], tab
        for text, words in ((WRONG, "line 2"), (ODD, "float")):
            page.fill("#editor textarea", text)
            page.wait_for_selector(f"#editor .ds-problems >> text={words}")
            assert page.evaluate(_TOO_FAINT) == [], text
