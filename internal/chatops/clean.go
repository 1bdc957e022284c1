package chatops

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds one cleaned text, in characters.
const maxText = 1500

// Clean makes a text from outside harmless to show: no control characters, none that are invisible or turn the direction of
// writing, no line breaks, and no more than maxText characters. What is taken out leaves a mark.
func Clean(text string) string {
	const mark = utf8.RuneError
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp):
			return mark
		}
		return r
	}, strings.ToValidUTF8(text, string(mark)))
	return cut(text, maxText)
}

// cut shortens a text to at most n characters, and shows that it did.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}
