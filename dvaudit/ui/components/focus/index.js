const seen = new WeakMap()
const used = new WeakMap() // whether a table was last used by keys

// A row that stays ticked is only unticked when it is chosen again, so the tick goes as soon as its
// dialog is there. The keys are those a person would press: Shift+Space unticks the row of the
// active cell and keeps the place; a row ticked by the pointer leaves no cell active, and Escape
// takes its tick away. What listens on the document, as the dialog does, is not told.
function untick(canvas, keys) {
  if (!canvas?.querySelector('tr[aria-selected="true"]')) return
  const press = keys ? { key: ' ', code: 'Space', shiftKey: true } : { key: 'Escape', code: 'Escape' }
  const quiet = (event) => event.stopPropagation()
  document.body.addEventListener('keydown', quiet)
  canvas.dispatchEvent(new KeyboardEvent('keydown', { ...press, bubbles: true }))
  document.body.removeEventListener('keydown', quiet)
}

// A dialog that was opened by a link, or stepped through, hands the focus to nothing when it closes;
// how soon depends on how it fades.
function focusBack(find) {
  for (const delay of [0, 150, 400]) {
    setTimeout(() => {
      const now = document.activeElement
      const lost = !now || now === document.body || now.closest('[role="dialog"]')
      if (lost) find()?.focus()
    }, delay)
  }
}

export default function ({ data, parentElement }) {
  const before = seen.get(parentElement)
  seen.set(parentElement, data)
  const host = parentElement.getRootNode().host ?? parentElement
  const beside = host.closest('[data-testid="stVerticalBlock"]')
  if (!beside) return
  const find = () => beside.querySelector('[data-testid="stDataFrame"] canvas')
  if (!used.has(beside)) {
    used.set(beside, false)
    beside.addEventListener('pointerdown', () => used.set(beside, false), true)
    beside.addEventListener('keydown', () => used.set(beside, true), true)
  }
  if (!before) return
  if (before.opened !== data.opened) untick(find(), used.get(beside))
  if (before.times !== data.times && data.here) focusBack(find)
}
