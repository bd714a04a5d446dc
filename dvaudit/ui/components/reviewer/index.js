export default function ({ data, setTriggerValue }) {
  if (data.said) {
    for (const storage of ['sessionStorage', 'localStorage']) {
      inStorage(() => window[storage].setItem(KEPT, data.name))
    }
    return
  }
  const kept = keptName()
  if (kept || data.ask) setTriggerValue('name', { kept })
}
