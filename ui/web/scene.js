// The drawing area: boxes on the road, in an SVG whose unit is one pixel of the frame at any size of the page.
"use strict";

(function (page) {
  const el = page.el;
  const SLOW_MS = 4000;
  const ANSWER_MS = 10000;
  const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

  page.scene = function (root, api) {
    let value = { boxes: [], categories: ["car"], colours: {}, width: 1024, height: 512, kind: "boxes", guide: null };
    let boxes = new page.Boxes(1024, 512);
    let category = "car";
    let shown = { boxes: true, guide: true, detected: true };
    let composed = null; // {url, findings} of the scene; `stale` says that the scene has changed since
    let stale = false;
    let drag = null;
    let edits = 0;
    let late = null;
    let slow = null;
    let unanswered = false;

    const svg = el("svg", { viewBox: "0 0 1024 512", class: "ds-canvas", tabindex: "0", role: "application" });
    svg.setAttribute("aria-label", "Drawing area: drag to draw a box");
    const layers = { back: el("g"), guide: el("g"), detected: el("g"), boxes: el("g"), draft: el("g") };
    svg.append(...Object.values(layers));
    const tools = el("div", { class: "ds-tools" });
    const note = el("div", { class: "ds-note", role: "status" });
    const place = el("output", { class: "ds-place" });
    const table = el("div", { class: "ds-table" });
    const map = el("img", { class: "ds-map", alt: "The road from above", hidden: true });
    root.append(tools, el("div", { class: "ds-stage" }, svg, map), el("div", { class: "ds-under" }, note, place), table);

    const editable = () => !value.broken && (value.kind === "boxes" || value.kind === "model");
    const colour = (name) => value.colours[name] || "#fff";

    // Converts a mouse position to pixels of the frame by the current size of the drawing area.
    function pixel(event) {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * value.width;
      const y = ((event.clientY - box.top) / box.height) * value.height;
      return [Math.max(0, Math.min(value.width, x)), Math.max(0, Math.min(value.height, y))];
    }

    const metres = (row) => (value.guide ? page.metresAhead(value.guide, row, value.height) : null);

    function changed() {
      stale = composed !== null;
      draw();
      submit("edited", { boxes: boxes.all, rows: undefined });
    }

    function submit(name, changes) {
      edits += 1;
      value = { ...value, ...changes, edit: edits, version: null, refused: "" };
      api.send(name, value);
      expectAnswer(ANSWER_MS);
      slow = slow || setTimeout(() => { unanswered = true; drawNote(); }, SLOW_MS);
    }

    // A drawing that is not answered is sent again, and the page says so.
    function expectAnswer(ms) {
      clearTimeout(late);
      late = setTimeout(() => {
        api.send(value.rows ? "actors" : "edited", value);
        expectAnswer(Math.min(6 * ANSWER_MS, Math.max(ANSWER_MS, 2 * ms)));
      }, ms);
    }

    function drawBack() {
      const night = value.night;
      const back = [];
      const picture = composed ? composed.url : value.photo;
      if (picture) {
        back.push(el("image", { href: picture, width: value.width, height: value.height, preserveAspectRatio: "none" }));
      } else if (value.guide) {
        const horizon = Math.max(0, Math.min(value.height, value.guide.horizon_px));
        back.push(el("rect", { width: value.width, height: horizon, class: night ? "ds-sky-night" : "ds-sky" }));
        const ground = { y: horizon, width: value.width, height: value.height - horizon };
        back.push(el("rect", { ...ground, class: night ? "ds-ground-night" : "ds-ground" }));
      }
      layers.back.replaceChildren(...back);
      layers.back.setAttribute("opacity", composed && stale ? "0.45" : "1");
    }

    function drawGuide() {
      layers.guide.replaceChildren(...(shown.guide && value.guide ? page.guideMarks(value.guide, value, page.unit(svg)) : []));
      layers.guide.setAttribute("opacity", composed || value.photo ? "0.4" : "1");
    }

    function drawDetected() {
      const found = composed && !stale && shown.detected ? composed.findings : null;
      layers.detected.replaceChildren(...(found ? page.detectedMarks(found.detected, value, page.unit(svg)) : []));
    }

    function outcome(index) {
      const found = composed && !stale ? composed.findings : null;
      return found && found.requested[index] ? found.requested[index].outcome : null;
    }

    function drawBoxes() {
      const marks = [];
      const unit = page.unit(svg);
      const half = 5 * unit;
      svg.style.setProperty("--ds-unit", unit);
      (shown.boxes ? boxes.all : []).forEach((box, index) => {
        const [x0, y0, x1, y1] = box.xyxy;
        const chosen = index === boxes.selected;
        const missing = outcome(index) && outcome(index) !== "found";
        const cls = `ds-box${chosen ? " ds-chosen" : ""}${missing ? " ds-missing" : ""}`;
        const shape = { x: x0, y: y0, width: x1 - x0, height: y1 - y0, class: cls, stroke: colour(box.category) };
        marks.push(el("rect", { ...shape, "data-index": index }));
      });
      marks.push(...page.boxLabels(labelled(), value, unit));
      const box = shown.boxes && editable() ? boxes.current : null;
      for (const handle of box ? HANDLES : []) {
        const [x, y] = handlePlace(box.xyxy, handle);
        marks.push(el("rect", { x: x - half, y: y - half, width: 2 * half, height: 2 * half, class: `ds-handle ds-${handle}`, "data-handle": handle }));
      }
      layers.boxes.replaceChildren(...marks);
    }

    // The boxes whose labels are placed, those first that matter most: the selected box, then boxes that were not found.
    function labelled() {
      const weight = (index) => (index === boxes.selected ? 2 : 0) + (outcome(index) && outcome(index) !== "found" ? 1 : 0);
      const order = [...(shown.boxes ? boxes.all : []).keys()].sort((a, b) => weight(b) - weight(a) || a - b);
      return order.map((index) => ({ xyxy: boxes.all[index].xyxy, texts: labelTexts(index) }));
    }

    // From the longest text of a box to the shortest. The table says of every box what was found.
    function labelTexts(index) {
      const actor = (value.boxActors || [])[index];
      const name = actor || `${boxes.all[index].category} ${index + 1}`;
      const distance = metres(boxes.all[index].xyxy[3]);
      const full = [name, distance && `${distance.toFixed(0)} m`, outcome(index)].filter(Boolean).join(" · ");
      return [full, ...(outcome(index) && outcome(index) !== "found" ? [`${name} · ${outcome(index)}`] : []), name, actor || String(index + 1)];
    }

    function handlePlace([x0, y0, x1, y1], handle) {
      const x = handle.includes("w") ? x0 : handle.includes("e") ? x1 : (x0 + x1) / 2;
      const y = handle.includes("n") ? y0 : handle.includes("s") ? y1 : (y0 + y1) / 2;
      return [x, y];
    }

    function drawNote() {
      const texts = {
        actors: "This scene is in metres: its boxes follow from the actors in the table.",
        picture: "This scene starts from a picture; it has no boxes. Set its conditions, then open Futures and roll it out.",
        model: "The model places the vehicles. Draw a box to place them yourself.",
        boxes: boxes.all.length ? "" : "Drag on the road to draw the first box.",
      };
      let text = value.broken ? "The YAML has a mistake. Correct it in the Scenario tab, then draw on." : texts[value.kind] || "";
      if (composed && stale) text = "The scene has changed since this picture was composed.";
      else if (composed) text = page.findingsText(composed.findings);
      if (value.refused) text = value.refused;
      if (unanswered) text = "The server does not answer. The drawing is kept here and sent again.";
      note.textContent = text;
      note.classList.toggle("ds-bad", !!value.refused || unanswered);
    }

    function draw() {
      svg.classList.toggle("ds-fixed", !editable());
      drawBack();
      drawGuide();
      drawDetected();
      drawBoxes();
      drawNote();
      drawTools();
      page.sceneTable(table, { value, boxes, editable: editable(), choose, edit, editActor, outcome: composed && !stale && composed.findings ? outcome : null });
      map.hidden = !value.map;
      if (value.map) map.src = value.map;
    }

    // The buttons keep their places whatever the state, so that the drawing area below them never moves.
    function drawTools() {
      const button = (text, title, press, { on, disabled } = {}) => {
        const state = { "aria-pressed": on === undefined ? null : String(!!on), disabled: !!disabled };
        return el("button", { type: "button", title, class: `ds-tool${on ? " ds-on" : ""}`, onclick: press, ...state }, text);
      };
      const fixed = !editable();
      const kinds = value.categories.map((name, index) => {
        const made = button(name, `Draw a ${name} (${index + 1})`, () => pick(name), { on: name === category, disabled: fixed });
        made.style.setProperty("--ds-kind", colour(name));
        return made;
      });
      const none = fixed || boxes.current === null;
      const actions = [
        button("Duplicate", "Duplicate the selected box (D)", () => boxes.duplicate() && changed(), { disabled: none }),
        button("Delete", "Delete the selected box (Delete)", () => boxes.remove() && changed(), { disabled: none }),
        button("Undo", "Undo (Ctrl+Z)", () => boxes.undo() && changed(), { disabled: fixed || !boxes.past.length }),
        button("Redo", "Redo (Ctrl+Shift+Z)", () => boxes.redo() && changed(), { disabled: fixed || !boxes.future.length }),
      ];
      const views = [
        button("Boxes", "Show the scene with or without boxes (B)", () => toggle("boxes"), { on: shown.boxes }),
        button("Guide", "Show horizon, lanes and distances (G)", () => toggle("guide"), { on: shown.guide }),
        button("Detected", "Show unrequested detections (V)", () => toggle("detected"), { on: composed && shown.detected, disabled: !composed }),
        button("Picture", "Back to the empty road (P)", emptyRoad, { on: composed !== null, disabled: !composed }),
      ];
      const given = value.kind === "actors" || value.kind === "picture";
      const parts = given
        ? [button("Draw boxes instead", "Convert the scene to editable boxes", release, { disabled: value.broken })]
        : [el("span", { class: "ds-group" }, kinds), el("span", { class: "ds-group" }, actions)];
      tools.replaceChildren(...parts, el("span", { class: "ds-group ds-views" }, views));
    }

    function emptyRoad() {
      composed = null;
      stale = false;
      draw();
    }

    // Converts a scene in metres, or one that starts from a photo, to a scene of boxes.
    function release() {
      submit("edited", { boxes: boxes.all, rows: undefined });
    }

    function toggle(name) {
      shown[name] = !shown[name];
      draw();
    }

    // Sets the category of the next box; the selected box keeps its category.
    function pick(name) {
      category = name;
      boxes.selected = -1;
      draw();
    }

    function relabel(name) {
      if (!boxes.current) return pick(name);
      category = name;
      boxes.remember();
      boxes.current.category = name;
      changed();
    }

    function choose(index) {
      boxes.selected = index;
      if (boxes.current) category = boxes.current.category;
      draw();
    }

    function edit(index, next) {
      if (!boxes.all[index]) return;
      boxes.remember();
      boxes.all[index] = { category: next.category, xyxy: boxes.fitted(next.xyxy) };
      changed();
    }

    function editActor(index, name, text) {
      const rows = value.actors.map((actor) => ({
        category: actor.category,
        distance_m: actor.distance_m,
        lane: actor.lane,
        speed_mps: actor.speed_mps,
      }));
      if (!rows[index]) return;
      rows[index][name] = name === "category" ? text : Number(text);
      submit("actors", { rows });
    }

    svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      svg.focus({ preventScroll: true });
      const start = pixel(event);
      const { index, handle } = event.target.dataset;
      if (handle) drag = { kind: "resize", handle, start, from: [...boxes.current.xyxy] };
      else if (index !== undefined && shown.boxes) {
        choose(Number(index));
        if (!editable()) return;
        drag = { kind: "move", start, from: [...boxes.current.xyxy] };
      } else if (editable() && boxes.all.length < value.maxBoxes) drag = { kind: "draw", start };
      else return choose(-1);
      drag.moved = false;
      svg.setPointerCapture(event.pointerId);
      event.preventDefault();
    });

    svg.addEventListener("pointermove", (event) => {
      const [x, y] = pixel(event);
      const distance = metres(y);
      place.textContent = `x ${Math.round(x)}  y ${Math.round(y)}${distance ? `  ${distance.toFixed(0)} m` : ""}`;
      if (!drag) return;
      const dx = x - drag.start[0];
      const dy = y - drag.start[1];
      if (!drag.moved && Math.hypot(dx, dy) < 3) return;
      if (!drag.moved && drag.kind !== "draw") boxes.remember();
      drag.moved = true;
      if (drag.kind === "draw") {
        const [x0, y0, x1, y1] = boxes.fitted([...drag.start, x, y]);
        const draft = { x: x0, y: y0, width: x1 - x0, height: y1 - y0, class: "ds-box ds-draft", stroke: colour(category) };
        layers.draft.replaceChildren(el("rect", draft));
        place.textContent = `${x1 - x0} × ${y1 - y0}`;
        return;
      }
      boxes.current.xyxy = drag.kind === "move" ? boxes.fitted(boxes.moved(drag.from, Math.round(dx), Math.round(dy))) : resized(drag, dx, dy);
      draw();
    });

    function resized({ from: [x0, y0, x1, y1], handle }, dx, dy) {
      const west = handle.includes("w") ? dx : 0;
      const east = handle.includes("e") ? dx : 0;
      const north = handle.includes("n") ? dy : 0;
      const south = handle.includes("s") ? dy : 0;
      return boxes.fitted([x0 + west, y0 + north, x1 + east, y1 + south]);
    }

    function end(event) {
      if (!drag) return;
      const done = drag;
      drag = null;
      layers.draft.replaceChildren();
      if (!done.moved) {
        if (done.kind === "draw") choose(-1);
        return;
      }
      if (done.kind === "draw") boxes.add(category, [...done.start, ...pixel(event)]);
      changed();
    }
    svg.addEventListener("pointerup", end);
    svg.addEventListener("pointercancel", () => {
      if (drag && drag.moved && drag.kind !== "draw") boxes.undo();
      drag = null;
      layers.draft.replaceChildren();
      draw();
    });

    const nudges = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    function take(event) {
      if (event.altKey || drag) return false;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const command = event.ctrlKey || event.metaKey;
      if (command && key === "Enter") return page.press("compose-button"), true;
      if (page.typing()) return false;
      if (command) {
        if (!editable()) return false;
        if (key === "z") return (event.shiftKey ? boxes.redo() : boxes.undo()) && changed(), true;
        if (key === "y") return boxes.redo() && changed(), true;
        return key === "d" ? (boxes.duplicate() && changed(), true) : false;
      }
      const views = { b: "boxes", g: "guide", v: "detected" };
      if (views[key]) return toggle(views[key]), true;
      if (key === "p" && composed) return emptyRoad(), true;
      if (key === "Escape" && boxes.selected >= 0) return choose(-1), true;
      if (!editable()) return false;
      const number = Number(key) - 1;
      if (value.categories[number]) return relabel(value.categories[number]), true;
      if (key === "d") return boxes.duplicate() && changed(), true;
      if (key === "n" && boxes.all.length) return choose((boxes.selected + 1) % boxes.all.length), true;
      if (!boxes.current) return false;
      if (key === "Delete" || key === "Backspace") return boxes.remove() && changed(), true;
      if (nudges[key]) {
        const [dx, dy] = nudges[key].map((step) => step * (event.shiftKey ? 10 : 1));
        boxes.remember();
        boxes.current.xyxy = boxes.moved(boxes.current.xyxy, dx, dy);
        changed();
        return true;
      }
      return false;
    }
    page.onkey(root, take);
    new ResizeObserver(() => drag || draw()).observe(svg);
    svg.addEventListener("pointerleave", () => (place.textContent = ""));

    // Shows a composed variant, or the empty road for null.
    page.showComposed = function (variant) {
      composed = variant;
      stale = composed !== null && composed.version !== value.version;
      page.unlessPressed(root, draw);
    };

    return function show(next) {
      if (!next.categories) return;
      // An answer to an earlier drawing must not undo later drawing; if no other answer comes, the drawing is sent again.
      if ((next.edit || 0) < edits) {
        api.keep(value);
        expectAnswer(700);
        return;
      }
      clearTimeout(late);
      clearTimeout(slow);
      slow = null;
      unanswered = false;
      edits = next.edit || edits;
      stale = composed !== null && composed.version !== next.version;
      const kindChanged = next.kind !== value.kind;
      value = next;
      if (boxes.width !== value.width) boxes = new page.Boxes(value.width, value.height);
      if (!value.broken) {
        if (kindChanged) boxes.forget();
        boxes.load(value.boxes);
      }
      draw();
    };
  };
})(window.drivesim);
