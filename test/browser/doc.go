// Package browser tests the console in a real headless Chromium: what a person sees and can do there, with a replica that
// behaves behind it, over loopback.
//
// It needs Chromium, and is left out with a sentence where there is none, unless DETOUR_BROWSER=1 demands it, and where
// DETOUR_BROWSER=0 does not want it; any other value is the program's path:
//
//	DETOUR_BROWSER=1 go test ./test/browser
//
// With DETOUR_SCREENSHOTS=FOLDER pictures of what was seen are kept there.
package browser
