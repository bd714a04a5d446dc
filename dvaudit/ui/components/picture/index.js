export default function ({ data, parentElement }) {
  const frame = parentElement.querySelector('.picture')
  if (frame.dataset.source === data.source) return
  frame.dataset.source = data.source
  const image = new Image()
  image.alt = data.name
  image.onload = () => image.classList.toggle('small', image.naturalWidth < 160)
  image.onerror = () => {
    const note = document.createElement('p')
    note.textContent = 'This picture could not be loaded. Reload the page to try again.'
    frame.replaceChildren(note)
  }
  image.src = data.source
  frame.replaceChildren(image)
}
