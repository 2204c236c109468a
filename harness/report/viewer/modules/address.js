// What is shown, as the part of the address after "#": a link to it can be sent to somebody.

export const FILTERS = ["arm", "split", "outcome", "pattern", "mistake", "blame", "ended", "tag"];

export function read() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

export function viewOf(state) {
  return state.view ?? (state.conversation ? "conversations" : "overview");
}

export function link(state) {
  const kept = Object.entries(state).filter(([, value]) => value !== undefined && value !== "");
  const inView = state.conversation ? kept.filter(([name]) => name !== "view") : kept;
  return `#${new URLSearchParams(inView)}`;
}

// The same list with these changes.
export function changed(state, changes) {
  return link({ ...state, ...changes });
}

export function go(state, changes, { replace = false } = {}) {
  const address = changed(state, changes);
  if (address === location.hash) return;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  window.dispatchEvent(new Event("hashchange"));
}
