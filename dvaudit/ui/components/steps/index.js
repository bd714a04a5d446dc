// What moves by arrows itself, or is written in, keeps its keys.
const WRITTEN = 'input:not([type="radio"]):not([type="checkbox"]), textarea, select, [contenteditable="true"]'
const OWN_ARROWS = '.gallery, [data-testid="stDataFrame"], input, [role="radiogroup"], [role="tablist"], [role="slider"]'
const ARROWS = { ArrowRight: 1, ArrowLeft: -1 }
const LETTERS = { j: 1, k: -1 }

const mounts = new WeakMap()

function within(event, selector) {
  return event.composedPath().some((node) => node instanceof Element && node.matches(selector))
}

function stepOf(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return 0
  const letter = LETTERS[event.key.toLowerCase()]
  if (letter) return within(event, WRITTEN) ? 0 : letter
  const arrow = ARROWS[event.key]
  return !arrow || within(event, OWN_ARROWS) ? 0 : arrow
}

export default function ({ parentElement, setTriggerValue }) {
  parentElement.querySelector('.keys').textContent = '← → or K J'
  let mount = mounts.get(parentElement)
  if (!mount) {
    mount = {}
    mount.listen = (event) => {
      const step = stepOf(event)
      if (!step) return
      event.preventDefault()
      mount.send('step', step)
    }
    mounts.set(parentElement, mount)
    document.addEventListener('keydown', mount.listen)
  }
  mount.send = setTriggerValue
  return () => {
    document.removeEventListener('keydown', mount.listen)
    mounts.delete(parentElement)
  }
}
