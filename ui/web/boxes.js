// The list of boxes of a scene, with undo. Edges are whole pixels of the frame at any size of the page.
"use strict";

(function (page) {
  const MIN_SIDE = 4;
  const copy = (boxes) => boxes.map((box) => ({ category: box.category, xyxy: [...box.xyxy] }));

  page.Boxes = class {
    static minSide = MIN_SIDE;

    constructor(width, height) {
      this.width = width;
      this.height = height;
      this.all = [];
      this.selected = -1;
      this.past = [];
      this.future = [];
    }

    load(boxes) {
      if (JSON.stringify(boxes) === JSON.stringify(this.all)) return;
      this.all = copy(boxes);
      this.selected = -1;
    }

    get current() {
      return this.all[this.selected] || null;
    }

    // Saves the state before a change, so that it can be undone.
    remember() {
      this.past.push(copy(this.all));
      if (this.past.length > 100) this.past.shift();
      this.future = [];
    }

    // Drops what could be undone or redone.
    forget() {
      this.past = [];
      this.future = [];
    }

    undo() {
      return this.#swap(this.past, this.future);
    }

    redo() {
      return this.#swap(this.future, this.past);
    }

    #swap(from, to) {
      if (!from.length) return false;
      to.push(copy(this.all));
      this.all = from.pop();
      this.selected = Math.min(this.selected, this.all.length - 1);
      return true;
    }

    add(category, xyxy) {
      this.remember();
      this.all.push({ category, xyxy: this.fitted(xyxy) });
      this.selected = this.all.length - 1;
    }

    remove() {
      if (!this.current) return false;
      this.remember();
      this.all.splice(this.selected, 1);
      this.selected = Math.min(this.selected, this.all.length - 1);
      return true;
    }

    duplicate() {
      const box = this.current;
      if (!box) return false;
      const step = box.xyxy[2] + 24 <= this.width ? 24 : -24;
      this.add(box.category, this.moved(box.xyxy, step, 0));
      return true;
    }

    moved([x0, y0, x1, y1], dx, dy) {
      dx = Math.max(-x0, Math.min(this.width - x1, dx));
      dy = Math.max(-y0, Math.min(this.height - y1, dy));
      return [x0 + dx, y0 + dy, x1 + dx, y1 + dy];
    }

    // Returns the edges in order, within the frame, and at least a few pixels apart.
    fitted([x0, y0, x1, y1]) {
      const [left, right] = this.#span(x0, x1, this.width);
      const [top, bottom] = this.#span(y0, y1, this.height);
      return [left, top, right, bottom];
    }

    #span(a, b, limit) {
      const clamp = (v) => Math.max(0, Math.min(limit, Math.round(v)));
      let low = clamp(Math.min(a, b));
      const high = Math.max(clamp(Math.max(a, b)), Math.min(limit, low + MIN_SIDE));
      low = Math.min(low, high - MIN_SIDE);
      return [low, high];
    }
  };
})(window.drivesim);
