// What is typed outlives the page: drafts in the browser's own storage, for this address of the studio and this person.
// They are bounded in number, size and age; where the browser keeps nothing, nothing is kept.

const { person } = window.studio;
const ROOM = 200_000; // characters of one draft
const MOST = 100; // drafts
const AGE = 30 * 86_400_000; // milliseconds
const ALL = "studio-draft ";
const OWN = `${ALL}${new URL(document.baseURI).pathname} ${person} `;

/**
 * Keep what a field holds now; nothing, or an empty text or list, forgets it.
 *
 * @param {string} field
 * @param {unknown} value plain data
 */
export function keep(field, value) {
  const blank = value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length);
  const text = blank ? "" : JSON.stringify({ at: Date.now(), value });
  try {
    if (blank || text.length > ROOM) localStorage.removeItem(OWN + field);
    else localStorage.setItem(OWN + field, text);
  } catch {
    forget(field); // no room: an older text must not come back in place of this one
  }
}

/**
 * What was kept of a field; null where nothing is.
 *
 * @param {string} field
 */
export function kept(field) {
  return read(OWN + field)?.value ?? null;
}

/** @param {string[]} fields */
export function forget(...fields) {
  for (const field of fields) {
    try {
      localStorage.removeItem(OWN + field);
    } catch {
      // a browser that keeps nothing
    }
  }
}

/**
 * @param {string} key
 * @returns {{ at: number, value: unknown } | null}
 */
function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

/** Everybody's old drafts go, and the oldest of too many. */
function sweep() {
  try {
    const drafts = Object.keys(localStorage)
      .filter((key) => key.startsWith(ALL))
      .map((key) => ({ key, at: read(key)?.at ?? 0 }))
      .sort((a, b) => b.at - a.at);
    for (const [place, { key, at }] of drafts.entries()) if (place >= MOST || Date.now() - at > AGE) localStorage.removeItem(key);
  } catch {
    // a browser that keeps nothing
  }
}
sweep();
