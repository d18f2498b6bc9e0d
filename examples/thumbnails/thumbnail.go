package main

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"
)

// jpegQuality is enough for something so small.
const jpegQuality = 80

// thumbnail is what becomes of a picture.
type thumbnail struct {
	width, height int
	mime          string
	data          []byte
}

// maker makes thumbnails.
type maker struct {
	client    *client
	formats   []format
	size      int
	maxPixels int64
}

// makeThumbnail is the Func of the pool. Its errors are failures.
func (m *maker) makeThumbnail(ctx context.Context, p picture) (thumbnail, error) {
	t, err := m.fetchAndScale(ctx, p.url)
	return t, cutOff(ctx, err)
}

func (m *maker) fetchAndScale(ctx context.Context, url string) (thumbnail, error) {
	data, err := m.client.get(ctx, url)
	if err != nil {
		return thumbnail{}, err
	}
	f, unknown := formatOf(data, m.formats)
	if unknown != nil {
		return thumbnail{}, unknown
	}
	img, err := f.open(ctx, data, m.maxPixels)
	if err != nil {
		return thumbnail{}, err
	}
	if err := context.Cause(ctx); err != nil { // scaling is the larger part of the work
		return thumbnail{}, err
	}
	return encode(scale(img, m.size))
}

// scale makes img as small as size on its longer side. It makes nothing larger.
func scale(img image.Image, size int) *image.RGBA {
	from := img.Bounds()
	to := image.Rectangle{Max: fit(from.Size(), size)}
	small := image.NewRGBA(to)
	draw.CatmullRom.Scale(small, to, img, from, draw.Src, nil)
	return small
}

// fit returns what becomes of a size, with its proportions as far as whole pixels go.
func fit(s image.Point, size int) image.Point {
	longer := max(s.X, s.Y)
	if longer <= size {
		return s
	}
	side := func(n int) int { return max(1, (n*size+longer/2)/longer) }
	return image.Pt(side(s.X), side(s.Y))
}

// encode makes a JPEG of img, or a PNG if one can see through it, which JPEG doesn't have.
func encode(img *image.RGBA) (thumbnail, error) {
	t := thumbnail{width: img.Rect.Dx(), height: img.Rect.Dy(), mime: "image/png"}
	var data bytes.Buffer
	var err error
	if img.Opaque() {
		t.mime = "image/jpeg"
		err = jpeg.Encode(&data, img, &jpeg.Options{Quality: jpegQuality})
	} else {
		err = png.Encode(&data, img)
	}
	if err != nil {
		return thumbnail{}, fail(kindPanic, "cannot write the thumbnail: %v", err)
	}
	t.data = data.Bytes()
	return t, nil
}
