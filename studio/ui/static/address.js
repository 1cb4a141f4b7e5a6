// The address names the tab and what is open in it: #/write/12, #/chat/3, #/history. So a reload, the back button and a
// link come to where one was.

/** @import { Given, Place, View } from "./types" */

const TABS = ["write", "chat", "talk", "table", "web", "library", "history", "about"];
const PANEL = "[role=tabpanel][id^='tab-']";
/** @type {Map<string, View>} by tab, those in which something can be open */
const views = new Map();
/** @type {Place | null} what the address asked for and the page does not show yet */
let wanted = null;
/** @type {(place: Place) => void} */
let open = () => {};
let due = false; // the address is looked at in a moment

/**
 * A tab in which something can be open. What the address asks for there is opened now, and not before: whatever comes
 * until a script is loaded is not seen by it.
 *
 * @param {string} name
 * @param {View} view
 */
export function register(name, view) {
  views.set(name, view);
  if (wanted?.tab === name) open(wanted);
}

/** Something was opened, begun or closed: the address follows. */
export function moved() {
  const id = wanted && views.get(wanted.tab)?.id();
  if (id && id !== wanted?.id) wanted = null; // something else was opened meanwhile
  follow();
}

function follow() {
  if (due) return;
  due = true;
  setTimeout(write, 50); // a tab and what is open in it change one after the other
}

/** @returns {HTMLElement[]} */
const panels = () => [...document.querySelectorAll(PANEL)].filter((panel) => panel instanceof HTMLElement);

/** @returns {Place} what the page shows */
function shown() {
  const tab =
    panels()
      .find((panel) => panel.style.display !== "none")
      ?.id.slice("tab-".length) ?? TABS[0];
  return { tab, id: views.get(tab)?.id() ?? 0 };
}

/** @returns {Place} what the address names */
function read() {
  const [, tab, id] = /^#\/([a-z]+)(?:\/(\d{1,15}))?$/.exec(location.hash) ?? [];
  return TABS.includes(tab) ? { tab, id: Number(id ?? 0) } : { tab: TABS[0], id: 0 };
}

function write() {
  due = false;
  const { tab, id } = shown();
  if (wanted) {
    if (wanted.tab !== tab || (wanted.id && wanted.id !== id)) return; // on the way
    wanted = null;
    return;
  }
  const before = read();
  if (before.tab === tab && before.id === id) return;
  const begun = before.tab === tab && !before.id; // what was begun here is the same place, now with a number
  history[begun ? "replaceState" : "pushState"](history.state, "", `#/${tab}${id ? `/${id}` : ""}`);
}

/** @param {Given} given */
export function mount({ trigger }) {
  open = ({ tab, id }) => {
    const view = views.get(tab);
    if (id === (view?.id() ?? 0)) return;
    if (!id) return view?.close();
    if (view?.open) return view.open(id);
    const type = tab === "write" ? "article" : "conversation";
    trigger(tab === "table" ? "table" : "open", { id, type, addressed: true }); // the tab is chosen already
  };
  const show = () => {
    wanted = read();
    if (wanted.tab !== shown().tab) trigger("choose");
    if (views.has(wanted.tab)) open(wanted);
    follow();
  };
  window.studioTabs = {
    wanted: () => wanted?.tab ?? shown().tab,
    missing: () => {
      wanted = null;
      follow();
    },
  };
  addEventListener("popstate", show);
  const chosen = (/** @type {Event} */ { target }) => {
    // by the person, who is done with what the address asked for
    if (target instanceof Element && target.closest(".tab-wrapper button")) wanted = null;
  };
  addEventListener("click", chosen, true);
  // Gradio tells of a tab after it is shown, and later than of the next one where the page has much to do
  const observer = new MutationObserver(() => {
    watch();
    follow();
  });
  const watch = () => {
    const all = panels();
    if (all[0]?.parentElement) observer.observe(all[0].parentElement, { childList: true }); // a panel is made when it is chosen
    for (const panel of all) observer.observe(panel, { attributes: true, attributeFilter: ["style"] });
  };
  watch();
  if (shown().tab !== TABS[0])
    follow(); // who was quicker than this script has chosen a tab already
  else if (location.hash) show();
}
