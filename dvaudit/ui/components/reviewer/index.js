// An answer can be lost where two parts of a page ask at once, so it is given until it is heard.
const AGAIN = 1000 // milliseconds
const timers = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  clearInterval(timers.get(parentElement))
  if (data.said) {
    for (const storage of ['sessionStorage', 'localStorage']) {
      inStorage(() => window[storage].setItem(KEPT, data.name))
    }
    return
  }
  const answer = () => setTriggerValue('name', { kept: keptName() })
  if (keptName() || data.ask) answer()
  if (data.ask) timers.set(parentElement, setInterval(answer, AGAIN))
  return () => clearInterval(timers.get(parentElement))
}
