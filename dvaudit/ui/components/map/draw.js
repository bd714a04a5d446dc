// The view of a map: `scale` pixels a step, `left` and `top` the step at the canvas's corner.
// Steps go up the screen, pixels down.
function fitted(width, height, [x0, x1, y0, y1]) {
  const scale = 0.94 * Math.min(width / Math.max(x1 - x0, 1), height / Math.max(y1 - y0, 1))
  return {
    scale,
    left: (x0 + x1) / 2 - width / 2 / scale,
    top: (y0 + y1) / 2 + height / 2 / scale,
  }
}

// The least and the greatest x, then y.
function boundsOf(xy) {
  const found = [Infinity, -Infinity, Infinity, -Infinity]
  for (let i = 0; i < xy.length; i += 1) {
    const at = 2 * (i & 1)
    if (xy[i] < found[at]) found[at] = xy[i]
    if (xy[i] > found[at + 1]) found[at + 1] = xy[i]
  }
  return xy.length ? found : [0, 1, 0, 1]
}

function toScreen(view, x, y) {
  return [(x - view.left) * view.scale, (view.top - y) * view.scale]
}

function toSteps(view, px, py) {
  return [px / view.scale + view.left, view.top - py / view.scale]
}

// Enlarges around a pixel, which stays where it is.
function zoomed(view, factor, px, py, least) {
  const scale = Math.min(Math.max(view.scale * factor, least), least * 60)
  const [x, y] = toSteps(view, px, py)
  return { scale, left: x - px / scale, top: y + py / scale }
}

function rgb(text) {
  const value = parseInt(text.slice(1), 16)
  return [value >> 16 & 255, value >> 8 & 255, value & 255]
}

// Points go straight into the pixels of the canvas: a million take a few dozen milliseconds.
// A colour's high bit says that the sample is not among those chosen; these lie below the others.
function paintPoints(context, mount, width, height, ratio) {
  const W = Math.round(width * ratio), H = Math.round(height * ratio)
  const image = context.createImageData(W, H)
  const pixels = new Uint32Array(image.data.buffer)
  const { xy, colours, view } = mount
  const many = xy.length / 2
  const base = many > 200000 ? 1 : many > 20000 ? 2 : many > 4000 ? 3 : 5
  const side = Math.max(1, Math.round(base * ratio * Math.min(2, Math.sqrt(view.scale / mount.least))))
  const shades = mount.data.palette.map(rgb)
  const paint = (alpha) => shades.map(([r, g, b]) => (alpha << 24 | b << 16 | g << 8 | r) >>> 0)
  const full = paint(235), pale = paint(48)
  const scale = view.scale * ratio
  for (let pass = 0; pass < 2; pass += 1) {
    for (let i = 0; i < many; i += 1) {
      const code = colours ? colours[i] : 0
      if ((code > 127) !== (pass === 0)) continue
      const px = (xy[2 * i] - view.left) * scale - side / 2 | 0
      const py = (view.top - xy[2 * i + 1]) * scale - side / 2 | 0
      if (px < 0 || py < 0 || px + side > W || py + side > H) continue
      const shade = pass === 0 ? pale[code & 127] : full[code]
      for (let dy = 0; dy < side; dy += 1) {
        const row = (py + dy) * W + px
        // Without the corners a larger square looks round.
        const inset = side > 3 && (dy === 0 || dy === side - 1) ? 1 : 0
        for (let dx = inset; dx < side - inset; dx += 1) pixels[row + dx] = shade
      }
    }
  }
  context.putImageData(image, 0, 0)
}

function outline(context, view, polygon, colour) {
  if (!polygon || polygon.length < 2) return
  context.beginPath()
  polygon.forEach(([x, y], i) => {
    const [px, py] = toScreen(view, x, y)
    if (i) context.lineTo(px, py)
    else context.moveTo(px, py)
  })
  context.closePath()
  context.globalAlpha = 0.1
  context.fillStyle = colour
  context.fill()
  context.globalAlpha = 1
  context.strokeStyle = colour
  context.lineWidth = 1.5
  context.stroke()
}

function cross(context, view, at, colour) {
  const [px, py] = toScreen(view, at[0], at[1])
  context.strokeStyle = colour
  context.lineWidth = 1.5
  context.beginPath()
  context.moveTo(px - 9, py); context.lineTo(px + 9, py)
  context.moveTo(px, py - 9); context.lineTo(px, py + 9)
  context.stroke()
}

// Drops vertices that lie within `slack` of the line between their neighbours (Douglas-Peucker).
function simplified(line, slack) {
  if (line.length < 3) return line
  const [ax, ay] = line[0], [bx, by] = line[line.length - 1]
  const length = Math.hypot(bx - ax, by - ay)
  let worst = 0, at = 0
  for (let i = 1; i < line.length - 1; i += 1) {
    const [x, y] = line[i]
    const off = length
      ? Math.abs((by - ay) * x - (bx - ax) * y + bx * ay - by * ax) / length
      : Math.hypot(x - ax, y - ay)
    if (off > worst) { worst = off; at = i }
  }
  if (worst <= slack) return [line[0], line[line.length - 1]]
  return [...simplified(line.slice(0, at + 1), slack).slice(0, -1), ...simplified(line.slice(at), slack)]
}

// Of a closed polygon, in square steps.
function area(vertices) {
  const twice = vertices.reduce((sum, [x, y], i) => {
    const [nextX, nextY] = vertices[(i + 1) % vertices.length]
    return sum + x * nextY - nextX * y
  }, 0)
  return Math.abs(twice) / 2
}

function shortened(line, most, slack) {
  let found = simplified(line, slack)
  for (let width = slack; found.length > most; width *= 1.5) found = simplified(line, width)
  return found
}
