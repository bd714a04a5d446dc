// Who sits at this tab; after a reload the browser knows a name before Python has heard of it.
// Loaded after kept.js of the reviewer component, in the same module.
function sitter(data) { return data.named ? data.reviewer : keptName() }

// A queue of one's own is that of nobody until Python has heard of the name: none of it is shown.
function ownPart(data) {
  return data.personal && !data.named && keptName() ? { ...data, items: [] } : data
}
