// Dragging by finger: HTML's own drag and drop is for the mouse, and on most phones for nobody.

/**
 * Let a finger on `handle` carry `item` to the place of one of its siblings; `move` is told from where to where.
 *
 * @param {HTMLElement} handle
 * @param {HTMLElement} item
 * @param {(from: number, to: number) => void} move
 */
export function carried(handle, item, move) {
  handle.style.touchAction = "none"; // else the page scrolls
  const places = () => [...(item.parentElement?.children ?? [])];
  /** @param {PointerEvent} event */
  const under = (event) => places().findIndex((one) => one.contains(document.elementFromPoint(event.clientX, event.clientY)));
  /** @param {number} to */
  const mark = (to) => {
    for (const [at, one] of places().entries()) one.classList.toggle("under", at === to && one !== item);
  };
  const carrying = () => item.classList.contains("carried");
  handle.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse") return;
    handle.setPointerCapture(event.pointerId);
    item.classList.add("carried");
  });
  handle.addEventListener("pointermove", (event) => {
    if (carrying()) mark(under(event));
  });
  for (const kind of /** @type {const} */ (["pointerup", "pointercancel"]))
    handle.addEventListener(kind, (event) => {
      if (!carrying()) return;
      item.classList.remove("carried");
      mark(-1);
      const from = places().indexOf(item),
        to = under(event);
      if (kind === "pointerup" && to >= 0 && to !== from) move(from, to);
    });
}
