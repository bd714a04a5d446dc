// A tab keeps its reviewer over a reload, so that several people can review in several tabs; a new
// tab begins with the last name said in this browser.
const KEPT = 'dvaudit-reviewer'

function keptName() {
  return inStorage(() => sessionStorage.getItem(KEPT))
    ?? inStorage(() => localStorage.getItem(KEPT)) ?? ''
}

// A browser may refuse storage: the name is then asked again after a reload.
function inStorage(action) {
  try {
    return action()
  } catch {
    return null
  }
}
