// Futures side by side under one scrubber. Every frame is a separate picture, so that it is shown exactly.
"use strict";

(function (page) {
  const el = page.el;
  const AHEAD = 12;

  page.player = function (root, api) {
    let panes = [];
    let frames = 0;
    let fps = 10;
    let frame = 0;
    let playing = null;
    let overlay = { requested: false, detected: false };
    let key = "";
    const cache = new Map();

    const grid = el("div", { class: "ds-panes" });
    const slider = el("input", { type: "range", min: "0", step: "1", value: "0", class: "ds-scrub", "aria-label": "Frame" });
    const play = el("button", { type: "button", class: "ds-tool", title: "Play or pause (Space)", onclick: toggle }, "Play");
    const back = el("button", { type: "button", class: "ds-tool", title: "One frame back (left arrow)", onclick: () => step(-1) }, "‹");
    const on = el("button", { type: "button", class: "ds-tool", title: "One frame forward (right arrow)", onclick: () => step(1) }, "›");
    const clock = el("output", { class: "ds-clock" });
    const views = el("span", { class: "ds-group" });
    const bar = el("div", { class: "ds-bar" }, play, back, on, slider, clock, views);
    const empty = el("div", { class: "ds-empty" });
    root.append(empty, grid, bar);

    // Panes with other frame rates show the frame of the same moment; the scrubber counts frames of the fastest pane.
    const indexIn = (pane) => Math.min(pane.frames - 1, Math.floor((frame * pane.fps) / fps + 1e-6));
    const url = (pane, index) => `${pane.url}/${index}.jpg`;

    function picture(address) {
      let found = cache.get(address);
      if (!found) {
        found = new Image();
        found.decoding = "async";
        found.src = address;
        cache.set(address, found);
        while (cache.size > 240) cache.delete(cache.keys().next().value);
      }
      return found;
    }

    function seek(next) {
      frame = Math.max(0, Math.min(frames - 1, next));
      slider.value = String(frame);
      clock.textContent = `frame ${frame} of ${frames - 1} · ${page.time(frame / fps)}`;
      root.dataset.frame = String(frame);
      for (const pane of panes) showFrame(pane);
    }

    async function showFrame(pane) {
      const index = indexIn(pane);
      const address = url(pane, index);
      pane.wanted = address;
      const image = picture(address);
      try {
        await image.decode();
      } catch {
        cache.delete(address);
        if (pane.wanted === address) pane.state.textContent = "This frame cannot be read.";
        return;
      }
      if (pane.wanted !== address) return;
      pane.image.src = address;
      pane.image.dataset.frame = String(index);
      pane.state.textContent = "";
      if (!playing && (overlay.requested || overlay.detected)) drawBoxes(pane, index);
      else pane.marks.replaceChildren();
    }

    async function drawBoxes(pane, index) {
      if (!pane.boxes) return;
      let found = null;
      try {
        const answer = await fetch(`${pane.url}/${index}.json`);
        found = answer.ok ? await answer.json() : null;
      } catch {
        found = null;
      }
      if (!found || indexIn(pane) !== index) return;
      const marks = [];
      const unit = page.unit(pane.image);
      const add = (box, cls, text, below) => {
        const [x0, y0, x1, y1] = box.xyxy.map((edge, axis) => edge * (axis % 2 ? 512 : 1024));
        marks.push(el("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, class: cls }));
        marks.push(el("text", { x: x0, y: below ? y1 + 11 * unit : Math.max(11 * unit, y0 - 4), class: `ds-label ${cls}-label` }, text));
      };
      // A label for every box would cover the vehicles: what was found needs none above it, and scores stand below.
      const outcome = (box) => (box.outcome === "found" ? "" : `${box.category} ${box.outcome}`);
      if (overlay.requested) for (const box of found.requested) add(box, "ds-requested", outcome(box), false);
      if (overlay.detected) for (const box of found.detected) add(box, "ds-detected", `${box.category} ${box.score.toFixed(2)}`, true);
      pane.marks.style.setProperty("--ds-unit", unit);
      pane.marks.replaceChildren(...marks);
      if (overlay.requested && !found.requested.length) pane.state.textContent = "Nothing is requested in this frame.";
    }

    function step(by) {
      stop();
      seek(frame + by);
    }

    function stop() {
      if (!playing) return;
      clearTimeout(playing);
      playing = null;
      play.textContent = "Play";
      seek(frame);
    }

    // The clock of the browser sets the pace; a late frame delays all panes equally.
    function toggle() {
      if (playing) return stop();
      if (!frames) return;
      if (frame >= frames - 1) frame = 0;
      play.textContent = "Pause";
      const tick = async () => {
        const began = performance.now();
        for (let k = 1; k <= AHEAD; k++) for (const pane of panes) picture(url(pane, Math.min(pane.frames - 1, indexIn(pane) + k)));
        const next = frame + 1;
        if (next >= frames || !root.isConnected) return stop();
        frame = next;
        const decoding = panes.map((pane) => picture(url(pane, indexIn(pane))).decode().catch(() => {}));
        await Promise.all(decoding);
        if (!playing) return;
        seek(next);
        playing = setTimeout(tick, Math.max(0, 1000 / fps - (performance.now() - began)));
      };
      playing = setTimeout(tick, 0);
    }

    function makePane(pane, number) {
      const image = el("img", { class: "ds-frame", alt: pane.title, width: "1024", height: "512" });
      const marks = el("svg", { viewBox: "0 0 1024 512", class: "ds-marks" });
      const state = el("span", { class: "ds-pane-state" });
      const links = (pane.links || []).map(({ text, href, file }) => el("a", { class: "ds-tool", href, download: file || true }, text));
      const branch = pane.branch
        ? el("button", { type: "button", class: "ds-tool", title: "Continue from this frame under other conditions", onclick: () => api.send("branch", undefined, { pane: number, frame: indexIn(made) }) }, "Branch here")
        : null;
      const foot = el("div", { class: "ds-pane-foot" }, el("b", { title: pane.title }, pane.title), state, el("span", { class: "ds-group" }, branch || "", links));
      const figure = el("figure", { class: "ds-pane" }, el("div", { class: "ds-screen" }, image, marks), foot);
      const made = { ...pane, image, marks, state, figure };
      return made;
    }

    function drawViews() {
      const offered = panes.some((pane) => pane.boxes) ? ["requested", "detected"] : [];
      const words = { requested: "Requested boxes", detected: "Detected boxes" };
      views.replaceChildren(
        ...offered.map((name) =>
          el("button", { type: "button", class: `ds-tool${overlay[name] ? " ds-on" : ""}`, "aria-pressed": String(overlay[name]), onclick: () => { overlay[name] = !overlay[name]; drawViews(); seek(frame); } }, words[name]),
        ),
      );
    }

    slider.addEventListener("input", () => {
      if (playing) stop();
      seek(Number(slider.value));
    });
    page.onkey(root, (event) => {
      if (!panes.length || event.ctrlKey || event.altKey || event.metaKey) return false;
      const onSlider = document.activeElement === slider;
      if (page.typing() && !onSlider) return false;
      const steps = { ArrowLeft: -1, ArrowRight: 1, ",": -1, ".": 1 };
      if (event.key === " ") return toggle(), true;
      if (steps[event.key]) return step(steps[event.key] * (event.shiftKey ? 10 : 1)), true;
      if (event.key === "Home") return step(-frames), true;
      if (event.key === "End") return step(frames), true;
      return false;
    });

    return function show(value) {
      const next = JSON.stringify(value.panes || []);
      empty.textContent = value.empty || "";
      if (next === key) return;
      stop();
      const same = key !== "" && value.keep;
      key = next;
      panes = (value.panes || []).filter((pane) => pane.frames > 0).map(makePane);
      fps = Math.max(1, ...panes.map((pane) => pane.fps));
      frames = Math.max(0, ...panes.map((pane) => Math.round((pane.frames * fps) / pane.fps)));
      slider.max = String(Math.max(0, frames - 1));
      grid.replaceChildren(...panes.map((pane) => pane.figure));
      grid.classList.toggle("ds-single", panes.length === 1);
      grid.hidden = bar.hidden = !panes.length;
      empty.hidden = panes.length > 0;
      drawViews();
      if (panes.length) seek(same ? frame : 0);
    };
  };
})(window.drivesim);
