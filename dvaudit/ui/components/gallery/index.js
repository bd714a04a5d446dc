// A run of this function follows each change of data or theme, so everything is assigned anew;
// what must outlive a run (the decoded pictures and the card elements) is kept per mount.
const mounts = new WeakMap()
const PATIENCE = 150 // milliseconds that the page before stays while the next one's pictures come
const SVG = 'http://www.w3.org/2000/svg'

function element(tag, className, text) {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined) node.textContent = text
  return node
}

function spoken(card) {
  const parts = [card.name || `Sample ${card.position}`, `label ${card.label}`]
  if (card.value) parts.push(`value ${card.value}`)
  if (card.flagged) parts.push('flagged')
  if (card.suggestion) parts.push(`suggestion ${card.suggestion}`)
  if (card.verdict) parts.push(`decided: ${card.verdict}`)
  return parts.join(', ')
}

function flag() {
  const badge = element('span', 'badge flag')
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', '0 0 12 12')
  const path = document.createElementNS(SVG, 'path')
  path.setAttribute('d', 'M3 1.2v9.6M3 1.8h6.2L7.4 4.2l1.8 2.4H3')
  svg.append(path)
  badge.append(svg)
  return badge
}

function picture(url) {
  if (!url) return element('span', 'absent', 'No picture')
  const image = new Image()
  image.alt = ''
  image.decoding = 'async'
  image.onload = () => image.classList.toggle('small', image.naturalWidth < 96)
  image.src = url
  return image
}

// `suggestions`: some card of this page has one, so every card keeps a line free for it.
function draw(card, url, { selected, opens }, suggestions) {
  const button = element(opens ? 'button' : 'div', opens ? 'card opens' : 'card')
  if (opens) {
    button.type = 'button'
    button.tabIndex = -1
  }
  else button.setAttribute('role', 'img')
  button.classList.toggle('selected', card.position === selected)
  button.title = card.name
  button.dataset.position = card.position
  button.setAttribute('aria-label', spoken(card))
  if (card.position === selected) button.setAttribute('aria-current', 'true')
  const frame = element('span', 'frame')
  if (url !== undefined) frame.append(picture(url))
  if (card.verdict) frame.append(element('span', `badge verdict ${card.verdict}`, card.verdict))
  if (card.flagged) frame.append(flag())
  const caption = element('span', 'caption')
  const line = element('span', 'line')
  line.append(element('span', '', card.label), element('span', 'value', card.value))
  caption.append(line)
  if (suggestions) {
    caption.append(element('span', 'suggestion', card.suggestion ? `→ ${card.suggestion}` : ''))
  }
  button.append(frame, caption)
  return button
}

async function load(mount, data) {
  const wanted = data.pack
  const response = await fetch(wanted)
  const buffer = response.ok ? await response.arrayBuffer() : null
  if (mount.wanted !== wanted) return
  if (!buffer) {
    const reply = await response.json().catch(() => ({}))
    throw new Error(reply.error || `The server answered ${response.status}.`)
  }
  mount.urls = unpack(buffer, mount.data.cards.length)
  mount.shown = wanted
  mount.paint()
  if (mount.data.ahead) fetch(mount.data.ahead, { priority: 'low' }).catch(() => {})
}

const KEYS = {
  ArrowRight: (at) => at + 1,
  ArrowLeft: (at) => at - 1,
  ArrowDown: (at, columns) => at + columns,
  ArrowUp: (at, columns) => at - columns,
  Home: () => 0,
  End: (at, columns, count) => count - 1,
}

function moved(event, root) {
  const move = KEYS[event.key]
  const cards = [...root.querySelectorAll('.card.opens')]
  const at = cards.indexOf(event.target.closest('.card'))
  if (at < 0 || !move || event.ctrlKey || event.metaKey || event.altKey) return
  const columns = getComputedStyle(root).gridTemplateColumns.split(' ').length
  event.preventDefault()
  cards[move(at, columns, cards.length)]?.focus()
}

function cardAt(root, position) {
  return root.querySelector(`.card.opens[data-position="${position}"]`)
}

// The tab key stops once at the gallery: at the card last looked at, else at the first.
function stopAt(root, mount, card) {
  const stop = card ?? cardAt(root, mount.current) ?? root.querySelector('.card.opens')
  if (!stop) return
  for (const other of root.querySelectorAll('.card[tabindex="0"]')) other.tabIndex = -1
  stop.tabIndex = 0
  if (card) mount.current = card.dataset.position
}

// A dialog that closes hands the focus to an element that this page has drawn anew since, so the
// focus is lost; how soon depends on how it fades.
function takeBack(root, mount) {
  const { back } = mount.data
  const before = mount.back
  mount.back = back?.times
  if (!back || before === undefined || before === back.times) return
  for (const delay of [0, 150, 400]) {
    setTimeout(() => {
      const now = document.activeElement
      const lost = !now || now === document.body || now.closest('[role="dialog"]')
      if (lost) (cardAt(root, back.position) ?? cardAt(root, mount.opened))?.focus()
    }, delay)
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector('.gallery')
  let mount = mounts.get(parentElement)
  if (!mount) {
    mount = { urls: [], shown: null, wanted: null }
    mounts.set(parentElement, mount)
    root.addEventListener('focusin', (event) => stopAt(root, mount, event.target.closest('.card')))
  }
  mount.data = data
  mount.paint = () => {
    clearTimeout(mount.late)
    const ready = mount.shown === mount.data.pack
    const focused = root.getRootNode().activeElement?.dataset?.position
    root.style.setProperty('--card', `${mount.data.size}px`)
    const { cards } = mount.data
    const suggestions = cards.some((card) => card.suggestion)
    root.replaceChildren(...cards.map((card, i) => {
      const item = element('div', 'item')
      item.setAttribute('role', 'listitem')
      item.append(draw(card, ready ? mount.urls[i] : undefined, mount.data, suggestions))
      return item
    }))
    stopAt(root, mount)
    if (focused !== undefined) cardAt(root, focused)?.focus()
  }
  root.onclick = (event) => {
    const card = event.target.closest('.card.opens')
    if (!card) return
    mount.opened = card.dataset.position
    setTriggerValue('open', Number(card.dataset.position))
  }
  root.onkeydown = (event) => moved(event, root)
  clearTimeout(mount.late)
  const comes = mount.shown !== null && mount.shown !== data.pack
  if (comes) mount.late = setTimeout(mount.paint, PATIENCE)
  else mount.paint()
  takeBack(root, mount)
  if (mount.wanted !== data.pack) {
    mount.wanted = data.pack
    load(mount, data).catch((error) => {
      if (mount.wanted !== data.pack) return
      mount.wanted = null
      mount.paint()
      const message = element('p', 'error', `The pictures could not be loaded: ${error.message}`)
      message.setAttribute('role', 'alert')
      root.prepend(message)
    })
  }
  return () => mounts.delete(parentElement)
}
