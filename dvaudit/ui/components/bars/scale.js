const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹'
const LONGEST = 80 // characters of a name that are looked at on either side of a cut

// At most about `most` round numbers from low to high, `least` apart or more.
function ticks([low, high], most, least = 0) {
  const rough = Math.max((high - low) / most, least)
  // Numbers this close to each other have no round ones between them.
  if (rough < 1e-9 * Math.max(Math.abs(low), Math.abs(high))) return { step: rough, found: [low] }
  const power = 10 ** Math.floor(Math.log10(rough) + 1e-9)
  const step = [1, 2, 5, 10].map((part) => part * power).find((part) => part >= rough * (1 - 1e-9))
  const found = []
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + 1e-9 * step; at += 1) {
    found.push(at * step)
  }
  return { step, found }
}

function decimals(step) {
  return Math.max(0, Math.ceil(-Math.log10(step) - 1e-9))
}

// In as many digits as tell two numbers apart that differ by `step`; on an axis in short, with all
// those digits.
function written(value, step, axis = true) {
  const fine = Math.max(step, 1e-9 * Math.abs(value)), digits = decimals(fine)
  const size = Math.abs(value), sign = value < 0 ? '−' : '', plain = axis ? 1e4 : 1e9
  if (size < fine / 2) return '0'
  if (size < plain && (size >= 1e-3 || digits <= 4)) {
    return sign + size.toLocaleString('en', {
      minimumFractionDigits: axis ? digits : 0, maximumFractionDigits: digits,
    })
  }
  if (size >= plain && size < 1e15) {
    return sign + size.toLocaleString('en', {
      notation: 'compact',
      maximumSignificantDigits: Math.min(Math.max(Math.ceil(Math.log10(size / fine)) + 1, 1), 15),
    })
  }
  const power = Math.floor(Math.log10(size) + 1e-9)
  const part = (size / 10 ** power).toFixed(decimals(fine / 10 ** power))
  const raised = [...String(Math.abs(power))].map((digit) => RAISED[digit]).join('')
  return `${sign}${part}×10${power < 0 ? '⁻' : ''}${raised}`
}

function counted(many, word) {
  return `${many.toLocaleString('en')} ${word}${many === 1 ? '' : 's'}`
}

// Names often differ at their ends, so the middle is what gives way.
function cut(text, room, width) {
  if (text.length <= 2 * LONGEST && width(text) <= room) return text
  const parts = [...text]
  for (let kept = Math.min(parts.length - 1, 2 * LONGEST); kept > 1; kept -= 1) {
    const head = Math.ceil(kept / 2)
    const short = `${parts.slice(0, head).join('')}…${parts.slice(head - kept).join('')}`
    if (width(short) <= room) return short
  }
  return '…'
}
