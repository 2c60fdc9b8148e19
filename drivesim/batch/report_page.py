"""`report.html`: one file that needs no other, with the contact sheets in it, to be read and filtered in a browser."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

import cv2

_SHEET_WIDTH, _JPEG_QUALITY = 1200, 80
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1240px; padding: 0 1rem; color: #1c1c22 }
h1 { font-size: 1.4rem } .bar { position: sticky; top: 0; background: #fff; padding: .6rem 0 }
input, select { font: inherit; padding: .25rem .5rem }
article { border: 1px solid #d8d8de; border-left: 5px solid #888; border-radius: 4px; margin: 1rem 0 }
article { padding: .6rem 1rem }
article.done { border-left-color: #2a8a4a } article.failed { border-left-color: #c22f2f }
article img { width: 100%; margin: .5rem 0 } .error { color: #a02020; white-space: pre-wrap }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .2rem .6rem .2rem 0; vertical-align: top }
tr + tr td { border-top: 1px solid #eee } code { font-size: 12px } [hidden] { display: none }
"""
_SCRIPT = """
const text = document.getElementById('text'), state = document.getElementById('state');
function filter() {
  for (const item of document.querySelectorAll('[data-state]')) {
    const fits = item.dataset.words.includes(text.value.toLowerCase());
    item.hidden = !fits || (state.value && item.dataset.state !== state.value);
  }
}
text.addEventListener('input', filter); state.addEventListener('change', filter);
"""


def page(report: dict, folder: Path) -> str:
    """The page of a report whose paths are relative to `folder`."""
    totals = report["totals"]
    summary = (
        f"{totals['done']} of {totals['jobs']} jobs, {totals['failed']} failed, {totals['unfinished']} unfinished; "
        f"{totals['futures']} futures, {totals['worker_seconds'] / 3600:.2f} hours of work"
    )
    rows = "\n".join(_row(job) for job in report["jobs"])
    details = "\n".join(_detail(job, folder) for job in report["jobs"])
    common = report["common"]
    settings = (
        f"drivesim {common['engine']}, preset {common['preset']}, {common['device']}, {common['threads']} threads"
    )
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>drivesim batch</title>
<style>{_STYLE}</style>
<h1>drivesim batch: {"passed" if report["passed"] else "not passed"}</h1>
<p>{escape(summary)}<br>{escape(settings)}</p>
<p class="bar"><input id="text" type="search" placeholder="scenario, seed, error">
<select id="state"><option value="">all</option><option>done</option><option>failed</option><option>unfinished</option>
</select></p>
<table><tr><th>scenario<th>seed<th>state<th>futures<th>attempts<th>seconds<th>id</tr>
{rows}
</table>
{details}
<script>{_SCRIPT}</script>
</html>
"""


def _row(job: dict) -> str:
    link = f'<a href="#{job["id"]}">{escape(job["scenario"])}</a>'
    cells = (job["seed"], job["state"], len(job["futures"]), job["attempts"], f"{job['seconds']:.1f}", job["id"])
    return f"<tr {_filtered(job)}><td>{link}{''.join(f'<td>{escape(str(cell))}' for cell in cells)}</tr>"


def _detail(job: dict, folder: Path) -> str:
    error = f'<p class="error">{escape(job["error"])}</p>' if job["error"] else ""
    sheet = f'<img alt="" src="{_picture(folder / job["contact_sheet"])}">' if job["contact_sheet"] else ""
    futures = "".join(_future(future) for future in job["futures"])
    versions = (job["provenance"] or {}).get("versions", {})
    made_by = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"""<article id="{job["id"]}" class="{job["state"]}" {_filtered(job)}>
<h2>{escape(job["scenario"])}, seed {job["seed"]}: {job["state"]}</h2>
<p>{escape(job["file"])} · {escape(job["archive"] or "no archive")} · {escape(made_by)}</p>
{error}{sheet}
<table><tr><th>future<th>frames<th>seconds by stage<th>video<th>content</tr>{futures}</table>
</article>"""


def _future(future: dict) -> str:
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in future["seconds"].items())
    video = f'<a href="{escape(future["video"])}">mp4</a>' if future["video"] else "–"
    digest = f"<code>{future['content_sha256'][:16]}</code>" if future["content_sha256"] else "–"
    return f"<tr><td>{future['future']}<td>{future['frames']}<td>{escape(stages)}<td>{video}<td>{digest}</tr>"


def _filtered(job: dict) -> str:
    words = f"{job['scenario']} {job['seed']} {job['id']} {job['time_of_day'] or ''} {job['error'] or ''}".lower()
    return f'data-state="{job["state"]}" data-words="{escape(words)}"'


def _picture(path: Path) -> str:
    """A PNG as the data of a smaller JPEG; nothing where it cannot be read."""
    picture = cv2.imread(str(path))
    if picture is None:
        return ""
    height, width = picture.shape[:2]
    if width > _SHEET_WIDTH:
        size = (_SHEET_WIDTH, max(1, round(height * _SHEET_WIDTH / width)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
