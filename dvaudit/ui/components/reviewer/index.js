// A tab keeps its reviewer over a reload, so that several people can review in several tabs; a new
// tab begins with the last name said in this browser.
const KEPT = 'dvaudit-reviewer'

export default function ({ data, setTriggerValue }) {
  if (data.said) {
    for (const storage of ['sessionStorage', 'localStorage']) {
      kept(() => window[storage].setItem(KEPT, data.name))
    }
    return
  }
  const name = kept(() => sessionStorage.getItem(KEPT)) ?? kept(() => localStorage.getItem(KEPT))
  if (name && name !== data.name) setTriggerValue('name', name)
}

// A browser may refuse storage: the name is then asked again after a reload.
function kept(action) {
  try {
    return action()
  } catch {
    return null
  }
}
