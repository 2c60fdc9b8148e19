"""`report.html`: one file that needs no other, with the contact sheets in it, to be read and filtered in a browser."""

from __future__ import annotations

import base64
import math
from html import escape
from itertools import groupby
from pathlib import Path

import cv2

_JPEG_QUALITY = 80
_WIDEST, _NARROWEST = 1200, 240  # of a contact sheet, px
_AT_FULL_WIDTH = 300  # jobs; more get smaller pictures, so that a page of thousands still opens
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1240px; padding: 0 1rem; color: #1c1c22 }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin: .3rem 0 }
.bar { position: sticky; top: 0; background: #fff; padding: .6rem 0; margin: 0; border-bottom: 1px solid #d8d8de }
input, select { font: inherit; padding: .25rem .5rem } #shown { color: #666; margin-left: .6rem }
article { border: 1px solid #d8d8de; border-left: 5px solid #888; border-radius: 4px; margin: 1rem 0 }
article { padding: .6rem 1rem; scroll-margin-top: 4rem; content-visibility: auto; contain-intrinsic-size: auto 400px }
article.done { border-left-color: #2a8a4a } article.failed { border-left-color: #c22f2f }
article img { max-width: 100%; display: block; margin: .5rem 0 } article p { color: #555; margin: .3rem 0 }
article p.error, td.error { color: #a02020; white-space: pre-wrap; overflow-wrap: anywhere }
td.done { color: #2a8a4a } td.failed { color: #c22f2f; font-weight: 600 }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 1.2rem }
td, th { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
tr + tr td { border-top: 1px solid #eee } code { font-size: 12px } [hidden] { display: none }
"""
_SCRIPT = """
const text = document.getElementById('text'), state = document.getElementById('state');
const scenario = document.getElementById('scenario'), shown = document.getElementById('shown');
function filter() {
  const words = text.value.toLowerCase().split(/ +/);
  let rows = 0, all = 0;
  for (const item of document.querySelectorAll('[data-state]')) {
    item.hidden = !words.every(word => item.dataset.words.includes(word))
      || (state.value && item.dataset.state !== state.value)
      || (scenario.value && item.dataset.scenario !== scenario.value);
    if (item.tagName === 'TR') { all += 1; rows += !item.hidden; }
  }
  shown.textContent = `${rows} of ${all} jobs`;
}
for (const control of [text, state, scenario]) control.addEventListener('input', filter);
for (const link of document.querySelectorAll('[data-choose]')) link.addEventListener('click', event => {
  event.preventDefault(); scenario.value = link.dataset.choose; filter();
});
filter();
"""


def page(report: dict, folder: Path) -> str:
    """The page of a report whose paths are relative to `folder`."""
    totals = report["totals"]
    summary = (
        f"{totals['done']} of {totals['jobs']} jobs, {totals['failed']} failed, {totals['unfinished']} unfinished; "
        f"{totals['futures']} futures, {totals['worker_seconds'] / 3600:.2f} hours of work"
    )
    jobs = report["jobs"]
    rows = "\n".join(_row(job) for job in jobs)
    details = "\n".join(_detail(job, folder, _sheet_width(len(jobs))) for job in jobs)
    names = sorted({job["scenario"] for job in jobs})
    common = report["common"]
    settings = (
        f"drivesim {common['engine']}, preset {common['preset']}, {common['device']}, threads: {common['threads']}"
    )
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>drivesim batch</title>
<style>{_STYLE}</style>
<h1>drivesim batch: {"passed" if report["passed"] else "not passed"}</h1>
<p>{escape(summary)}<br>{escape(settings)}</p>
<table><tr><th>scenario{_heads("jobs", "done", "failed", "unfinished", "futures", "seconds")}</tr>
{"".join(_scenario(name, list(of_name)) for name, of_name in groupby(sorted(jobs, key=_name), _name))}
</table>
<p class="bar"><input id="text" type="search" placeholder="seed, id, words, error">
<select id="scenario">{_options("all scenarios", names)}</select>
<select id="state">{_options("all states", ["done", "failed", "unfinished"])}</select><span id="shown"></span></p>
<table><tr><th>job<th>state{_heads("seed", "futures", "attempts", "seconds")}<th>id</tr>
{rows}
</table>
{details}
<script>{_SCRIPT}</script>
</html>
"""


def _sheet_width(num_jobs: int) -> int:
    return max(_NARROWEST, min(_WIDEST, round(_WIDEST * math.sqrt(_AT_FULL_WIDTH / max(1, num_jobs)))))


def _name(job: dict) -> str:
    return job["scenario"]


def _heads(*names: str) -> str:
    return "".join(f'<th class="n">{name}' for name in names)


def _options(every: str, values: list[str]) -> str:
    return f'<option value="">{every}</option>' + "".join(f"<option>{escape(value)}</option>" for value in values)


def _scenario(name: str, jobs: list[dict]) -> str:
    states = [job["state"] for job in jobs]
    counts = [len(jobs), *(states.count(state) for state in ("done", "failed", "unfinished"))]
    figures = [*counts, sum(len(job["futures"]) for job in jobs), f"{sum(job['seconds'] for job in jobs):.1f}"]
    cells = "".join(f'<td class="n">{figure}' for figure in figures)
    return f'<tr><td><a href="#" data-choose="{escape(name)}">{escape(name)}</a>{cells}</tr>'


def _row(job: dict) -> str:
    link = f'<a href="#{job["id"]}">{escape(job["scenario"])}</a>'
    cells = (job["seed"], len(job["futures"]), job["attempts"], f"{job['seconds']:.1f}")
    figures = "".join(f'<td class="n">{cell}' for cell in cells)
    state = job["state"]
    return f'<tr {_filtered(job)}><td>{link}<td class="{state}">{state}{figures}<td><code>{job["id"]}</code></tr>'


def _detail(job: dict, folder: Path, sheet_width: int) -> str:
    error = f'<p class="error">{escape(job["error"])}</p>' if job["error"] else ""
    futures = "".join(_future(future) for future in job["futures"])
    versions = (job["provenance"] or {}).get("versions", {})
    made_by = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"""<article id="{job["id"]}" class="{job["state"]}" {_filtered(job)}>
<h2>{escape(job["scenario"])}, seed {job["seed"]}: {job["state"]}</h2>
<p>{escape(job["file"])} · {escape(job["archive"] or "no archive")} · {escape(made_by)}</p>
{error}{_sheet(job, folder, sheet_width)}
<table><tr><th>future{_heads("frames")}<th>seconds by stage<th>video<th>content</tr>{futures}</table>
</article>"""


def _sheet(job: dict, folder: Path, width: int) -> str:
    if not job["contact_sheet"]:
        return ""
    path = escape(job["contact_sheet"])
    return f'<a href="{path}"><img alt="contact sheet" src="{_picture(folder / job["contact_sheet"], width)}"></a>'


def _future(future: dict) -> str:
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in future["seconds"].items())
    video = f'<a href="{escape(future["video"])}">mp4</a>' if future["video"] else "–"
    digest = f"<code>{future['content_sha256'][:16]}</code>" if future["content_sha256"] else "–"
    return f"<tr><td>{future['future']}<td class=n>{future['frames']}<td>{escape(stages)}<td>{video}<td>{digest}</tr>"


def _filtered(job: dict) -> str:
    words = f"{job['scenario']} {job['seed']} {job['id']} {job['time_of_day'] or ''} {job['error'] or ''}".lower()
    return f'data-state="{job["state"]}" data-scenario="{escape(job["scenario"])}" data-words="{escape(words)}"'


def _picture(path: Path, max_width: int) -> str:
    """A PNG as the data of a smaller JPEG; nothing where it cannot be read."""
    picture = cv2.imread(str(path))
    if picture is None:
        return ""
    height, width = picture.shape[:2]
    if width > max_width:
        size = (max_width, max(1, round(height * max_width / width)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
