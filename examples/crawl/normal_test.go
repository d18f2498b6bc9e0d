package main

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNormalise(t *testing.T) {
	base, err := url.Parse("http://Example.org/dir/page")
	require.NoError(t, err)
	for href, want := range map[string]string{
		"":                            "http://example.org/dir/page",
		"#part":                       "http://example.org/dir/page",
		"other":                       "http://example.org/dir/other",
		"./other":                     "http://example.org/dir/other",
		"../up":                       "http://example.org/up",
		"../../../up":                 "http://example.org/up",
		"/a/./b/../c":                 "http://example.org/a/c",
		"/a/":                         "http://example.org/a/",
		"/a":                          "http://example.org/a",
		"?":                           "http://example.org/dir/page",
		"?q=1&p=2#x":                  "http://example.org/dir/page?q=1&p=2",
		"?p=2&q=1":                    "http://example.org/dir/page?p=2&q=1",
		"//EXAMPLE.org":               "http://example.org/",
		"HTTP://example.org:80/":      "http://example.org/",
		"http://example.org:/":        "http://example.org/",
		"https://example.org:443/":    "https://example.org/",
		"https://example.org:80/":     "https://example.org:80/",
		"http://me:secret@h:8080":     "http://h:8080/",
		"http://[::1]:80/x":           "http://[::1]/x",
		"/%7euser/%41":                "http://example.org/~user/A",
		"/~user/A":                    "http://example.org/~user/A",
		"/a%2fb":                      "http://example.org/a%2fb",
		"/caf%C3%A9":                  "http://example.org/caf%C3%A9",
		"/café":                       "http://example.org/caf%C3%A9",
		"/with space":                 "http://example.org/with%20space",
		"mailto:somebody@example.org": "",
		"javascript:void(0)":          "",
		"ftp://example.org/":          "",
		"http:":                       "",
		"http:///path":                "",
	} {
		t.Run(href, func(t *testing.T) {
			u, err := base.Parse(href)
			require.NoError(t, err)
			n, ok := normalise(u)
			require.Equal(t, want != "", ok)
			if ok {
				assert.Equal(t, want, n.String())
				again, _ := normalise(n)
				assert.Equal(t, n, again, "there is one normal form")
			}
		})
	}
}
