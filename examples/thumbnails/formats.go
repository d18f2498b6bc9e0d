package main

import (
	"bytes"
	"context"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
)

// maxSide is how many pixels a side may have, whatever -max-pixels admits: as many as JPEG
// and GIF have at most. Scaling needs memory for each row of the picture, so that one which
// is a pixel wide and millions high would need far more than its pixels do.
const maxSide = 1<<16 - 1

// format is a kind of picture that can be decoded. Only what is listed here can be, and not
// what some package registers with package image.
type format struct {
	name   string
	magic  []string // one of which the file begins with
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func allFormats() []format {
	return []format{
		{"JPEG", []string{"\xff\xd8\xff"}, jpeg.DecodeConfig, jpeg.Decode},
		{"PNG", []string{"\x89PNG\r\n\x1a\n"}, png.DecodeConfig, png.Decode},
		{"GIF", []string{"GIF87a", "GIF89a"}, gif.DecodeConfig, gif.Decode},
	}
}

func formatOf(data []byte, formats []format) (format, *failure) {
	for _, f := range formats {
		for _, magic := range f.magic {
			if bytes.HasPrefix(data, []byte(magic)) {
				return f, nil
			}
		}
	}
	return format{}, fail(kindFormat, "neither JPEG nor PNG nor GIF")
}

// open decodes a picture that has no more pixels than that. It looks at the header first:
// a file of a few bytes may stand for a picture that fills the memory.
func (f format) open(ctx context.Context, data []byte, maxPixels int64) (image.Image, error) {
	c, err := f.config(bytes.NewReader(data))
	switch {
	case err != nil:
		return nil, fail(kindCorrupt, "%v", err)
	case c.Width < 1 || c.Height < 1:
		return nil, fail(kindCorrupt, "%s of %d x %d pixels", f.name, c.Width, c.Height)
	case c.Width > maxSide || c.Height > maxSide:
		return nil, fail(kindPixels, "%d x %d, more than %d on a side", c.Width, c.Height, maxSide)
	case int64(c.Width)*int64(c.Height) > maxPixels:
		return nil, fail(kindPixels, "%d x %d, more than %d in all", c.Width, c.Height, maxPixels)
	}
	img, err := f.decode(&bound{ctx, bytes.NewReader(data)})
	if err != nil {
		return nil, fail(kindCorrupt, "%v", err)
	}
	return img, nil
}

// bound is a reader that fails once its context has ended. Decoders know no contexts, but
// all of them read.
type bound struct {
	ctx  context.Context
	from io.Reader
}

func (b *bound) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	return b.from.Read(p)
}
