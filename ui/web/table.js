// The same boxes, or the actors of a scene in metres, as a table of editable numbers.
"use strict";

(function (page) {
  const el = page.el;
  const EDGES = ["left", "top", "right", "bottom"];

  // A number that is being typed stays; the table is drawn again when it has been entered.
  page.sceneTable = function (root, scene) {
    const active = document.activeElement;
    root.drawLater = null;
    if (active && root.contains(active) && active.dataset.typing) {
      root.drawLater = () => page.sceneTable(root, scene);
      return;
    }
    const focused = active && root.contains(active) ? active.dataset.cell : null;
    const rows = scene.value.kind === "actors" ? actorRows(scene) : boxRows(scene);
    root.replaceChildren(...rows);
    if (focused) {
      const again = root.querySelector(`[data-cell="${focused}"]`);
      if (again) again.focus({ preventScroll: true });
    }
  };

  function head(...names) {
    return el("tr", {}, names.map((name) => el("th", { scope: "col" }, name)));
  }

  function number(value, cell, label, change, attributes = {}) {
    const input = el("input", { type: "number", value, "data-cell": cell, "aria-label": label, step: "1", ...attributes });
    input.value = value ?? "";
    input.addEventListener("input", () => (input.dataset.typing = "yes"));
    input.addEventListener("blur", () => {
      delete input.dataset.typing;
      input.closest(".ds-table")?.drawLater?.();
    });
    input.addEventListener("change", () => {
      delete input.dataset.typing;
      if (input.value !== "" && Number.isFinite(Number(input.value))) change(input.value);
      else input.value = value ?? "";
    });
    return el("td", {}, input);
  }

  function choice(value, names, cell, label, change) {
    const select = el("select", { "data-cell": cell, "aria-label": label }, names.map((name) => el("option", { value: name }, name)));
    select.value = value;
    select.addEventListener("change", () => change(select.value));
    return el("td", {}, select);
  }

  // What the vehicle detector found, if the picture on screen has been composed from the scene as it is.
  function found(outcome, index) {
    return outcome ? el("td", { class: outcome(index) === "found" ? null : "ds-not-found" }, outcome(index) || "–") : null;
  }

  function boxRows({ value, boxes, editable, choose, edit, outcome }) {
    if (!boxes.all.length) return [];
    const rows = boxes.all.map((box, index) => {
      const name = `Box ${index + 1}`;
      const first = el("td", {}, el("button", { type: "button", class: "ds-link", onclick: () => choose(index) }, String(index + 1)));
      if (!editable) {
        const cells = [box.category, ...box.xyxy.map((edge) => Math.round(edge))];
        return el("tr", {}, first, cells.map((cell) => el("td", {}, String(cell))), found(outcome, index));
      }
      const kind = choice(box.category, value.categories, `${index}-kind`, `${name}, category`, (category) => edit(index, { ...box, category }));
      const edges = box.xyxy.map((edge, axis) =>
        number(edge, `${index}-${axis}`, `${name}, ${EDGES[axis]}`, (text) => {
          const xyxy = [...box.xyxy];
          // An edge stops at the one opposite, which stays where it is.
          const [low, high] = [axis < 2 ? 0 : box.xyxy[axis - 2] + page.Boxes.minSide, axis < 2 ? box.xyxy[axis + 2] - page.Boxes.minSide : Infinity];
          xyxy[axis] = Math.max(low, Math.min(high, Number(text)));
          edit(index, { ...box, xyxy });
        }, { min: 0, max: axis % 2 ? value.height : value.width }),
      );
      return el("tr", { class: index === boxes.selected ? "ds-chosen-row" : null }, first, kind, edges, found(outcome, index));
    });
    return [el("table", {}, el("thead", {}, head("box", "category", ...EDGES, ...(outcome ? ["detector"] : []))), el("tbody", {}, rows))];
  }

  function actorRows({ value, editActor, outcome }) {
    const rows = value.actors.map((actor, index) => {
      const change = (name) => (text) => editActor(index, name, text);
      const lane = actor.lateral_m === null ? number(actor.lane ?? 0, `a${index}-lane`, `${actor.id}, lane`, change("lane")) : el("td", {}, `${actor.lateral_m} m to the left`);
      return el(
        "tr",
        {},
        el("td", {}, actor.id),
        choice(actor.category, value.categories, `a${index}-kind`, `${actor.id}, category`, change("category")),
        number(actor.distance_m, `a${index}-distance`, `${actor.id}, metres ahead`, change("distance_m"), { step: "any" }),
        lane,
        number(actor.speed_mps, `a${index}-speed`, `${actor.id}, metres per second`, change("speed_mps"), { step: "any", min: 0 }),
        el("td", {}, actor.manoeuvres || "–"),
        found(outcome && ((place) => (place < 0 ? "not in view" : outcome(place))), value.boxActors.indexOf(actor.id)),
      );
    });
    const names = head("actor", "category", "ahead, m", "lane", "speed, m/s", "manoeuvres", ...(outcome ? ["detector"] : []));
    return [el("table", {}, el("thead", {}, names), el("tbody", {}, rows))];
  }
})(window.drivesim);
