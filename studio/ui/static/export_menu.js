// The menu of formats that an article can be exported to.

import { FORMATS, h, icon, word } from "./dom.js";

/** @param {(format: string) => unknown} run */
export function exportMenu(run) {
  /** @param {string} format */
  const item = (format) => {
    const onclick = () => {
      menu.open = false;
      run(format);
    };
    return h("button", { type: "button", role: "menuitem", "data-format": format, onclick }, word(`format_${format}`));
  };
  const menu = h(
    "details",
    { className: "menu", id: "export-menu" },
    h("summary", { className: "act", "aria-label": word("export") }, icon("download"), h("span", {}, word("export"))),
    h("div", { role: "menu" }, FORMATS.map(item)),
  );
  document.addEventListener("click", ({ target }) => {
    if (!(target instanceof Node && menu.contains(target))) menu.open = false;
  });
  return menu;
}
