package main

import (
	"errors"
	"io"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// eachLink calls found with every link of an HTML page that a visitor could follow,
// resolved against base, in order and as often as it is there. It reads the page as it
// comes and never has all of it in memory.
func eachLink(body io.Reader, base *url.URL, found func(*url.URL)) error {
	tokens := html.NewTokenizer(body)
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if err := tokens.Err(); !errors.Is(err, io.EOF) {
				return err
			}
			return nil
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			href, ok := hrefOf(token)
			if !ok {
				continue
			}
			u, err := base.Parse(strings.TrimSpace(href))
			switch {
			case err != nil: // leads nowhere
			case token.DataAtom == atom.Base:
				base = u
			default:
				found(u)
			}
		}
	}
}

// hrefOf returns the address in a tag that has one for visitors, or for all addresses
// after it.
func hrefOf(token html.Token) (href string, ok bool) {
	switch token.DataAtom {
	case atom.A, atom.Area, atom.Base:
		for _, attr := range token.Attr {
			if attr.Key == "href" {
				return attr.Val, true
			}
		}
	}
	return "", false
}
