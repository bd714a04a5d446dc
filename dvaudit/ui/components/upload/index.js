// The request of a running upload is kept per mount: the function below runs again after each
// change of data or theme, while the file is still on its way.
const mounts = new WeakMap()
const SVG = 'http://www.w3.org/2000/svg'

function icon() {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', '0 0 24 24')
  const path = document.createElementNS(SVG, 'path')
  path.setAttribute('d', 'M12 16V5m0 0L7.5 9.5M12 5l4.5 4.5M4.5 15.5v2a2 2 0 0 0 2 2h11a2 2 0 0 0 2-2v-2')
  for (const [name, value] of Object.entries({
    fill: 'none', stroke: 'currentColor', 'stroke-width': '1.8', 'stroke-linecap': 'round',
    'stroke-linejoin': 'round',
  })) path.setAttribute(name, value)
  svg.append(path)
  return svg
}

function text(bytes) {
  const units = ['B', 'kB', 'MB', 'GB']
  let step = 0
  while (bytes >= 999.5 && step < 3) { bytes /= 1000; step += 1 }
  return `${bytes.toFixed(step && bytes < 9.95 ? 1 : 0)} ${units[step]}`
}

function reply(request) {
  try { return JSON.parse(request.responseText) } catch { return {} }
}

function start(mount, file) {
  const { parts, data } = mount
  if (mount.request) return
  if (!file.size) return say(mount, `${file.name} is empty, or a folder. Zip the folder first.`, true)
  if (file.size > data.limit) {
    return say(mount, `${file.name} has ${text(file.size)}; the limit is ${text(data.limit)}. ` +
      'Give the path of a file on the server instead.', true)
  }
  const request = new XMLHttpRequest()
  mount.request = request
  request.open('PUT', data.url)
  request.setRequestHeader('X-Upload-Token', data.token)
  request.setRequestHeader('X-File-Name', encodeURIComponent(file.name))
  request.upload.onprogress = (event) => {
    parts.bar.value = event.loaded / file.size
    const percent = Math.floor((100 * event.loaded) / file.size)
    say(mount, `${file.name}: ${text(event.loaded)} of ${text(file.size)} (${percent} %)`)
  }
  request.onload = () => {
    finish(mount)
    if (request.status < 300) {
      say(mount, `${file.name} has arrived (${text(file.size)}).`)
      mount.set('done', reply(request))
    } else {
      const reason = reply(request).error || `the server answered ${request.status}.`
      say(mount, `The upload failed: ${reason}`, true)
    }
  }
  request.onerror = () => {
    finish(mount)
    say(mount, 'The upload failed: the connection to the server was lost. Try again.', true)
  }
  request.onabort = () => {
    finish(mount)
    say(mount, 'Upload cancelled.')
  }
  parts.bar.value = 0
  parts.progress.hidden = false
  parts.drop.classList.add('busy')
  parts.file.disabled = true
  say(mount, `${file.name}: starting`)
  request.send(file)
}

function finish(mount) {
  mount.request = null
  mount.parts.progress.hidden = true
  mount.parts.drop.classList.remove('busy')
  mount.parts.file.disabled = false
  mount.parts.file.value = ''
}

function say(mount, message, wrong = false) {
  mount.parts.status.textContent = message
  mount.parts.status.classList.toggle('error', wrong)
}

function listen(mount) {
  const { parts } = mount
  parts.file.onchange = () => { if (parts.file.files[0]) start(mount, parts.file.files[0]) }
  parts.cancel.onclick = () => mount.request?.abort()
  const over = (on) => (event) => {
    event.preventDefault()
    parts.drop.classList.toggle('over', on && !mount.request)
  }
  parts.drop.ondragover = over(true)
  parts.drop.ondragenter = over(true)
  parts.drop.ondragleave = over(false)
  parts.drop.ondrop = (event) => {
    over(false)(event)
    const { files, items } = event.dataTransfer
    if (items[0]?.webkitGetAsEntry?.()?.isDirectory) {
      say(mount, 'This is a folder: zip it, or give its path on the server.', true)
    } else if (files.length > 1) say(mount, 'One file at a time: put several into a zip.', true)
    else if (files.length === 1) start(mount, files[0])
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  let mount = mounts.get(parentElement)
  if (!mount) {
    const find = (selector) => parentElement.querySelector(selector)
    mount = { request: null, parts: {
      drop: find('.drop'), file: find('.file'), hint: find('.hint'), progress: find('.progress'),
      bar: find('progress'), cancel: find('.cancel'), status: find('.status'),
    } }
    find('.icon').replaceChildren(icon())
    mounts.set(parentElement, mount)
    listen(mount)
  }
  mount.data = data
  mount.set = setTriggerValue
  mount.parts.file.accept = data.accept
  mount.parts.hint.textContent = data.hint
  return () => {
    mount.request?.abort()
    mounts.delete(parentElement)
  }
}
