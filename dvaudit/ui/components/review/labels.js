// Labels as they are shown, typed and named by keys. Loaded first, in the same module; all text of
// the data goes through textContent.
const $ = (root, part) => root.querySelector(`[data-part="${part}"]`)

function element(tag, className, text) {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined && text !== null) node.textContent = text
  return node
}

// Whether keys that arrive here are text.
function typing(target) {
  if (target.tagName === 'INPUT') return !['checkbox', 'radio', 'button'].includes(target.type)
  return /^(TEXTAREA|SELECT)$/.test(target.tagName ?? '') || target.isContentEditable
}

// A number with six significant digits, but no digit of a whole number rounded away.
function six(text) {
  const value = Number(text)
  if (text === null || text === undefined || text === '' || !Number.isFinite(value)) return text
  if (Number.isInteger(value)) return text
  const short = Math.abs(value) >= 1e5 ? value.toFixed(0) : String(Number(value.toPrecision(6)))
  return short.length < text.length ? short : text
}

// A verdict in words, '' for none; without classes, labels are numbers.
function decided(decision, classes) {
  if (!decision) return ''
  const words = { keep: 'kept', relabel: 'relabelled', drop: 'dropped', unsure: 'unsure' }
  const { verdict, label } = decision
  if (label === null || label === undefined) return words[verdict]
  return `${words[verdict]} to ${classes ? label : six(label)}`
}

// The number that a person typed; the suggestion in full where it stands there as it is shown.
function number(text, suggestion) {
  if (text === '' || !Number.isFinite(Number(text))) return undefined
  return text === six(suggestion) ? suggestion : text
}

// The class that a person typed: its name in any case, or the beginning of one class alone.
function named(classes, text) {
  const folded = (name) => line(name).toLowerCase()
  const wanted = folded(text)
  const spaced = classes.filter((name) => line(name) === line(text))
  const alike = classes.filter((name) => folded(name) === wanted)
  const begun = classes.filter((name) => wanted && folded(name).startsWith(wanted))
  const only = (found) => (found.length === 1 ? found[0] : undefined)
  return classes.find((name) => name === text) ?? only(spaced) ?? only(alike) ?? only(begun)
}

// A name as a field of one line can hold it.
function line(name) { return name.normalize('NFKC').replace(/\s+/g, ' ').trim() }

function legend(root, named) {
  const shown = JSON.stringify(named)
  if (root.dataset.legend === shown) return
  root.dataset.legend = shown
  const digits = named.every(([key, label]) => key === label)
  const entries = digits && named.length > 1
    ? [[`${named[0][0]} to ${named.at(-1)[0]}`, 'Relabel to this class']]
    : named
  const keys = entries.map(([key, label, short]) => {
    const entry = element('span', 'class')
    const name = element('span', '', short ?? label)
    name.title = label
    entry.append(element('kbd', '', key), name)
    return entry
  })
  $(root, 'classes').replaceChildren(...keys)
  $(root, 'classes').hidden = !keys.length
}

// What can be typed, drawn once for a dataset, as there may be many classes.
function choices(root, data) {
  const shown = JSON.stringify(data.classes)
  if (root.dataset.choices === shown) return
  root.dataset.choices = shown
  const options = (data.classes ?? []).map((name) => {
    const option = element('option')
    option.value = line(name)
    return option
  })
  $(root, 'names').replaceChildren(...options)
  const field = $(root, 'label')
  field.placeholder = data.classes ? 'Another class' : 'Another number'
  field.inputMode = data.classes ? 'search' : 'decimal'
}

