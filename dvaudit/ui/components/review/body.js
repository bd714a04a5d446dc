// What the person looks at: the picture or the row of a sample, and its neighbours.
// Loaded after labels.js, in the same module; all text of the data goes through textContent.
const AHEAD = 4
const FEW = 3

function heading(text) {
  const cell = element('th', '', text)
  cell.scope = 'row'
  return cell
}

class Body {
  constructor(root, complain) {
    this.root = root
    this.complain = complain
    this.pictures = new Map()
  }

  // Draw the sample at index `at` of the window, and fetch what the next ones need.
  paint(data, at) {
    const { root } = this
    const item = data.items[at]
    this.data = data
    this.current = item.position
    $(root, 'picture').hidden = !item.image
    if (item.image) this.paintPicture(item)
    $(root, 'row').hidden = Boolean(item.image)
    if (!item.image) this.paintRow(item)
    this.paintNeighbours(item)
    for (const other of data.items.slice(at + 1, at + 1 + AHEAD)) {
      if (other.image) new Image().src = other.image
      if (other.pack) this.pack(other)
    }
  }

  paintPicture(item) {
    const frame = $(this.root, 'picture')
    if (frame.dataset.source === item.image) return
    frame.dataset.source = item.image
    const image = new Image()
    image.alt = `Sample ${item.name}`
    image.onload = () => image.classList.toggle('pixels', image.naturalWidth < 160)
    image.onerror = () => {
      if (frame.dataset.source === item.image) {
        frame.replaceChildren(element('p', 'absent', 'This picture could not be loaded.'))
      }
    }
    image.src = item.image
    frame.replaceChildren(image)
  }

  // The sample's columns beside those of its neighbours; cells that differ stand out. A dataset
  // of few columns, such as one text, has a line per sample instead.
  paintRow(item) {
    const { columns } = this.data
    const rows = this.data.rows ?? {}
    const near = item.neighbours.filter((other) => rows[other.position] || !columns.length)
    const table = element('table', columns.length > FEW ? 'wide' : 'lines')
    if (columns.length > FEW) this.columnLines(table, item, near, rows)
    else this.sampleLines(table, item, near, rows)
    const box = $(this.root, 'row')
    box.replaceChildren(table)
    if (!columns.length) {
      box.append(element('p', 'absent', 'This dataset holds vectors, which have no columns to show.'))
    }
    box.scrollTop = 0
  }

  columnLines(table, item, near, rows) {
    const own = rows[item.position]
    const head = element('tr')
    head.append(element('th', '', 'Column'), element('th', 'own', 'This sample'))
    for (const other of near) {
      const cell = element('th', '', this.label(other.label) ?? 'no label')
      cell.title = other.name
      cell.append(element('small', '', this.nearness(other)))
      head.append(cell)
    }
    table.createTHead().append(head)
    const body = table.createTBody()
    this.data.columns.forEach((name, i) => {
      const line = body.insertRow()
      line.append(heading(name), element('td', 'own', own[i]))
      for (const other of near) {
        const text = rows[other.position][i]
        line.append(element('td', text === own[i] ? 'equal' : '', text))
      }
    })
  }

  sampleLines(table, item, near, rows) {
    const head = element('tr')
    head.append(element('th', '', 'Label'), ...this.data.columns.map((name) => element('th', '', name)))
    if (!this.data.columns.length) head.append(element('th', '', 'Sample'))
    table.createTHead().append(head)
    const body = table.createTBody()
    for (const other of [null, ...near]) {
      const line = body.insertRow()
      if (!other) line.className = 'own'
      const title = heading(this.label(other ? other.label : item.given) ?? 'no label')
      title.append(element('small', '', other ? this.nearness(other) : 'this sample'))
      const { position, name } = other ?? item
      const cells = this.data.columns.length ? rows[position] : [name]
      line.append(title, ...cells.map((text) => element('td', '', text)))
    }
  }

  label(text) { return this.data.classes ? text : six(text) }

  nearness(other) {
    if (!this.data.classes) return 'near'
    return other.same ? 'near, same label' : 'near, other label'
  }

  paintNeighbours(item) {
    const strip = $(this.root, 'strip')
    strip.hidden = !item.pack || !item.neighbours.length
    if (strip.hidden) return
    for (const [part, same] of [['same', true], ['others', false]]) {
      const shown = item.neighbours.filter((other) => other.same === same)
      const list = $(this.root, part)
      list.parentElement.hidden = !shown.length
      list.replaceChildren(...shown.map((other) => {
        const figure = element('figure')
        figure.title = other.name
        const frame = element('span', 'thumb')
        frame.dataset.position = other.position
        figure.append(frame, element('figcaption', '', this.label(other.label) ?? 'no label'))
        return figure
      }))
    }
    this.pack(item).then((urls) => {
      if (this.current !== item.position) return
      item.neighbours.forEach((other, i) => {
        const frame = strip.querySelector(`[data-position="${other.position}"]`)
        if (!frame || !urls[i]) return
        const image = new Image()
        image.alt = `Neighbour ${other.name}, label ${this.label(other.label) ?? 'none'}`
        image.onload = () => image.classList.toggle('pixels', image.naturalWidth < 72)
        image.src = urls[i]
        frame.replaceChildren(image)
      })
    }).catch((error) => this.complain(`The neighbours could not be loaded: ${error.message}`))
  }

  // One request for all thumbnails of an item: uint32 lengths, then the pictures.
  pack(item) {
    if (this.pictures.has(item.pack)) return this.pictures.get(item.pack)
    const wanted = fetch(item.pack).then(async (response) => {
      if (!response.ok) throw new Error(`the server answered ${response.status}`)
      return unpack(await response.arrayBuffer(), item.neighbours.length)
    })
    this.pictures.set(item.pack, wanted)
    wanted.catch(() => this.pictures.delete(item.pack))
    if (this.pictures.size > 60) {
      this.pictures.delete(this.pictures.keys().next().value)
    }
    return wanted
  }
}
