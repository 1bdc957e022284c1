// Package clean makes texts from outside harmless to show.
package clean

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds one cleaned text, in characters.
const maxText = 1500

// Text returns no more than 1,500 characters of what Line makes of text.
func Text(text string) string { return Cut(Line(text), maxText) }

// Line returns text without control characters, characters that are invisible or turn the direction of writing, and line
// breaks. What is taken out leaves a mark.
func Line(text string) string {
	const mark = utf8.RuneError
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r), unseen(r):
			return mark
		}
		return r
	}, strings.ToValidUTF8(text, string(mark)))
}

// unseen reports whether a character shows nothing, or changes how others are shown: what Unicode calls default ignorable
// (UAX #44, section 5.3), separators, what has no meaning of its own, and the pattern of Braille that has no dots.
func unseen(r rune) bool {
	const blank = '\u2800'
	return r == blank || unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// Lines is Line of each of a text's lines, for what its author wrote in several.
func Lines(text string) string {
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		lines[n] = Line(line)
	}
	return strings.Join(lines, "\n")
}

// Cut shortens a text to at most n characters, n being at least 1, and shows that it did.
func Cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}
