package main

import (
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// linksIn returns the links that eachLink finds on a page at http://h/dir/page.
func linksIn(t *testing.T, page io.Reader) (links []string, err error) {
	t.Helper()
	base, err := url.Parse("http://h/dir/page")
	require.NoError(t, err)
	err = eachLink(page, base, func(u *url.URL) { links = append(links, u.String()) })
	return links, err
}

func TestEachLink(t *testing.T) {
	for page, want := range map[string][]string{
		`<a href="x">x</a><A HREF = /y >y</A><a class=c href='z'>z</a>`:                 {"http://h/dir/x", "http://h/y", "http://h/dir/z"},
		`<map><area href=x></map><a href=x /><a href=x href=y>`:                         {"http://h/dir/x", "http://h/dir/x", "http://h/dir/x"},
		`<a href="?a=1&amp;b=2">`:                                                       {"http://h/dir/page?a=1&b=2"},
		"<a href=' \n x \t'>":                                                           {"http://h/dir/x"},
		`<base href="/other/"><a href=x>`:                                               {"http://h/other/x"},
		`<a>none</a><a name=x><p href=x><link href=x><img src=x>`:                       nil,
		`<!-- <a href=x> --><script>"<a href=x>"</script><style>/* <a href=x> */`:       nil,
		`<title><a href=x></title><textarea><a href=x></textarea>`:                      nil,
		`<a href="http://[::1">is no URL</a><a href="%zz">neither</a><a href=x>this is`: {"http://h/dir/x"},
		`<a href="unfinished`:                                                           nil,
		``:                                                                              nil,
	} {
		t.Run(page, func(t *testing.T) {
			links, err := linksIn(t, strings.NewReader(page))
			require.NoError(t, err)
			assert.Equal(t, want, links)
		})
	}
}

func TestEachLink_APageThatBreaksOff(t *testing.T) {
	broken := errors.New("broken")
	links, err := linksIn(t, io.MultiReader(strings.NewReader(`<a href=x>x</a>`), iotest.ErrReader(broken)))
	assert.ErrorIs(t, err, broken)
	assert.Equal(t, []string{"http://h/dir/x"}, links, "what was there before")
}
