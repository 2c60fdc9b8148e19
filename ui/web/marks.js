// Marks over the drawing area, as SVG elements in pixels of the frame: the guide of the road, detections that were not
// asked for, and labels. `size` has the width and height of the frame; `unit` is one pixel of the screen.
"use strict";

(function (page) {
  const el = page.el;

  // Metres from the camera to the road that is seen in a row of the frame; null at and above the horizon.
  page.metresAhead = function (guide, row, height) {
    const angle = Math.atan((row - height / 2) / guide.focal_length_px) - guide.pitch_rad;
    return angle > 0.004 ? guide.camera_height_m / Math.tan(angle) : null;
  };

  page.guideMarks = function (guide, size, unit) {
    const horizon = { x1: 0, x2: size.width, y1: guide.horizon_px, y2: guide.horizon_px };
    const marks = [el("line", { ...horizon, class: "ds-horizon" })];
    marks.push(el("text", { x: 8, y: guide.horizon_px - 5, class: "ds-mark" }, "horizon"));
    for (const [edge, points] of guide.lanes) {
      const line = points.map((point) => point.join(",")).join(" ");
      marks.push(el("polyline", { points: line, class: edge ? "ds-edge" : "ds-lane" }));
    }
    let last = Infinity; // marks that would cover the one before are left out
    for (const [distance, row] of guide.marks) {
      if (row > size.height - 2 || Math.abs(row - last) < 11 * unit) continue;
      last = row;
      marks.push(el("line", { x1: size.width - 34, x2: size.width, y1: row, y2: row, class: "ds-tick" }));
      marks.push(el("text", { x: size.width - 38, y: row + 4, class: "ds-mark ds-right" }, `${distance} m`));
    }
    return marks;
  };

  page.detectedMarks = function (detected, size, unit) {
    const marks = [];
    for (const one of detected) {
      if (one.role !== "unasked" && one.role !== "misplaced") continue;
      const [x0, y0, x1, y1] = one.xyxy.map((edge, axis) => edge * (axis % 2 ? size.height : size.width));
      marks.push(el("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, class: "ds-unasked" }));
      const what = one.role === "misplaced" ? `${one.category}, misplaced` : `${one.category}, not asked for`;
      marks.push(label(x0, y1 + 13 * unit, what, size, "ds-unasked-label"));
    }
    return marks;
  };

  // A label for each box, where it covers no other: above the box or below it, and shortened where there is no room.
  // `boxes` have their edges and their texts, the longest first; earlier boxes take the better places.
  page.boxLabels = function (boxes, size, unit) {
    const taken = [];
    const free = (place) => taken.every((other) => place.x1 < other.x0 || place.x0 > other.x1 || place.y1 < other.y0 || place.y0 > other.y1);
    return boxes.map(({ xyxy: [x0, y0, , y1], texts }) => {
      const rows = [Math.max(13 * unit, y0 - 5), Math.min(size.height - 4, y1 + 14 * unit), y0 + 14 * unit];
      const places = texts.flatMap((text) =>
        rows.map((y) => {
          const x = Math.max(2, Math.min(size.width - 7.2 * unit * text.length, x0));
          return { text, x, y, x0: x, x1: x + 7.2 * unit * text.length, y0: y - 11 * unit, y1: y + 2 * unit };
        }),
      );
      const place = places.find(free) || places.at(-3);
      taken.push(place);
      return label(place.x, place.y, place.text, size);
    });
  };

  function label(x, y, text, size, cls = "") {
    return el("text", { x: Math.max(2, Math.min(size.width - 6, x)), y, class: `ds-label ${cls}` }, text);
  }
})(window.drivesim);
