// What was refused, above the sample, and the verdicts that newer ones had overtaken.

// Those that the person has neither repeated nor let go.
function unanswered(overtaken, out) {
  const answered = (item) => out.some((event) => event.position === item.position
    && ['decide', 'leave'].includes(event.kind) && event.seen >= item.version)
  return overtaken.filter((item) => !answered(item))
}

function paintRefusal(root, error, lost) {
  const more = lost.length > 1 ? ` And ${lost.length - 1} more.` : ''
  $(root, 'refusal').hidden = !error && !lost.length
  $(root, 'refused').textContent = [error, lost.length && lost[0].text + more]
    .filter(Boolean).join(' ')
  for (const part of ['repeat', 'leave']) $(root, part).hidden = !lost.length
}

