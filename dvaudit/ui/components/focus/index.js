const before = new WeakMap()

// A dialog that was opened by a link, or stepped through, hands the focus to nothing when it closes;
// how soon depends on how it fades.
export default function ({ data, parentElement }) {
  const times = before.get(parentElement)
  before.set(parentElement, data.times)
  if (times === undefined || times === data.times || !data.here) return
  const host = parentElement.getRootNode().host ?? parentElement
  const beside = host.closest('[data-testid="stVerticalBlock"]')
  for (const delay of [0, 150, 400]) {
    setTimeout(() => {
      const now = document.activeElement
      const lost = !now || now === document.body || now.closest('[role="dialog"]')
      if (lost) beside?.querySelector('[data-testid="stDataFrame"] canvas')?.focus()
    }, delay)
  }
}
