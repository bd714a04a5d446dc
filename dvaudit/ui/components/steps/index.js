// What moves by arrows itself, or is written in, keeps its keys.
const WRITTEN = 'input:not([type="radio"]):not([type="checkbox"]), textarea, select, [contenteditable="true"]'
const OWN_ARROWS = '.gallery, [data-testid="stDataFrame"], input, [role="radiogroup"], [role="tablist"], [role="slider"]'
const ARROWS = { ArrowRight: 1, ArrowLeft: -1 }
const LETTERS = { j: 1, k: -1 }

const PATIENCE = 3000 // milliseconds in which a step is drawn, or was refused

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

export default function ({ data, parentElement, setTriggerValue }) {
  parentElement.querySelector('.keys').textContent = '← → or K J'
  let mount = mounts.get(parentElement)
  if (!mount) {
    mount = { asked: null }
    mount.listen = (event) => {
      const step = stepOf(event)
      if (!step) return
      event.preventDefault()
      const { place, count } = mount.data
      const to = Math.min(Math.max((mount.asked ?? place) + step, 0), count - 1)
      if (to === (mount.asked ?? place)) return
      mount.asked = to
      mount.at = Date.now()
      mount.send('step', { to })
    }
    mounts.set(parentElement, mount)
    document.addEventListener('keydown', mount.listen)
  }
  mount.data = data
  mount.send = setTriggerValue
  // Keys go on from where the last one leads, not from what is still drawn.
  if (data.place === mount.asked || Date.now() - mount.at > PATIENCE) mount.asked = null
  return () => {
    document.removeEventListener('keydown', mount.listen)
    mounts.delete(parentElement)
  }
}
