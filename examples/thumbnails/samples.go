package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"sync"
)

// sample is a picture of the program's own, and what becomes of it with the default flags.
type sample struct {
	name   string
	width  int // of the thumbnail
	height int
	mime   string
	kind   kind // of what is wrong with it
}

// allSamples is what there is, one of each thing that can come along.
var allSamples = []sample{
	{name: "photo.jpeg", width: 160, height: 120, mime: "image/jpeg"},
	{name: "tall.jpeg", width: 40, height: 160, mime: "image/jpeg"},
	{name: "logo.png", width: 160, height: 160, mime: "image/png"},
	{name: "chart.png", width: 160, height: 50, mime: "image/jpeg"},
	{name: "badge.gif", width: 64, height: 48, mime: "image/jpeg"},
	{name: "slow.jpeg", width: 160, height: 120, mime: "image/jpeg"},
	{name: "broken.jpeg", kind: kindCorrupt},
	{name: "missing.jpeg", kind: kindStatus},
	{name: "large.jpeg", kind: kindTooLarge},
	{name: "bomb.png", kind: kindPixels},
	{name: "page.html", kind: kindFormat},
	{name: "away.jpeg", kind: kindNotAllowed},
}

// held is one more: it comes when it is released. It looks like photo.jpeg.
const held = "held.jpeg"

// sampleFiles returns what there is to be served, by name. It is not to be changed.
var sampleFiles = sync.OnceValue(func() map[string][]byte {
	photo := jpegOf(quarters(640, 480, 255))
	return map[string][]byte{
		"photo.jpeg":  photo,
		"slow.jpeg":   photo,
		held:          photo,
		"tall.jpeg":   jpegOf(grey(quarters(200, 800, 255))),
		"logo.png":    pngOf(quarters(320, 320, 128)),
		"chart.png":   pngOf(quarters(640, 200, 255)),
		"badge.gif":   gifOf(quarters(64, 48, 255)),
		"broken.jpeg": photo[:len(photo)/2],
		"bomb.png":    bomb(16_000, 16_000),
		"page.html":   []byte("<!DOCTYPE html><title>No picture</title>"),
	}
})

// quarterColours are those of the quarters of all samples: top left, top right, bottom
// left, bottom right.
var quarterColours = [4]color.NRGBA{
	{R: 200, G: 40, B: 40, A: 255},
	{R: 40, G: 160, B: 60, A: 255},
	{R: 40, G: 80, B: 200, A: 255},
	{R: 230, G: 200, B: 60, A: 255},
}

// quarters paints a picture of four quarters. The first has that alpha, the others none to
// see through.
func quarters(width, height int, alpha uint8) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			q := 2*(2*y/height) + 2*x/width
			c := quarterColours[q]
			if q == 0 {
				c.A = alpha
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

func grey(from image.Image) *image.Gray {
	img := image.NewGray(from.Bounds())
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			img.Set(x, y, from.At(x, y))
		}
	}
	return img
}

// The errors of these would be those of a bytes.Buffer, which has none.

func jpegOf(img image.Image) []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, img, nil)
	return b.Bytes()
}

func pngOf(img image.Image) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, img)
	return b.Bytes()
}

func gifOf(img image.Image) []byte {
	var b bytes.Buffer
	_ = gif.Encode(&b, img, nil)
	return b.Bytes()
}

// bomb returns the beginning of a PNG, up to where it says how large it is. It does not
// matter that there is no more: who decodes it has to take the memory first.
func bomb(width, height uint32) []byte {
	header := []byte("IHDR")
	header = binary.BigEndian.AppendUint32(header, width)
	header = binary.BigEndian.AppendUint32(header, height)
	header = append(header, 8, 6, 0, 0, 0) // 8 bits for each of red, green, blue and alpha
	file := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d")
	file = append(file, header...)
	return binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(header))
}

// sampleNamed returns what becomes of a sample.
func sampleNamed(name string) sample {
	if name == held {
		name = "photo.jpeg"
	}
	for _, s := range allSamples {
		if s.name == name {
			return s
		}
	}
	return sample{name: name, kind: kindStatus} // there is none
}

// matches reports whether l is what becomes of s.
func (s sample) matches(l line) bool {
	if l.Kind != s.kind || l.Type != s.mime || l.Width != s.width || l.Height != s.height {
		return false
	}
	if s.kind != "" {
		return len(l.Data) == 0 && l.Error != ""
	}
	f, unknown := formatOf(l.Data, allFormats())
	if unknown != nil {
		return false
	}
	img, err := f.decode(bytes.NewReader(l.Data))
	return err == nil && img.Bounds().Size() == image.Pt(s.width, s.height)
}
