// Package console is what a browser is given: one document, one style, and the ES modules that fill it.
//
// The modules are written by hand, need no build step and load nothing from elsewhere. Whatever they show they ask of the
// API under /api/v1/, with the rights of whoever looks, and every order goes the way of everybody's: there is nothing here
// that another program could not do, and nothing is decided here.
//
// main.js starts and turns pages. live.js follows the event stream and knows how old what is shown is: when nothing has
// come for a while, or the connection is lost, the age counts up in plain sight and every control that gives an order is
// disabled until the stream is back. dom.js is the only way in which text reaches the document: as text, never as markup,
// with control characters and those that turn the direction of writing made visible. orders.js asks a person for a reason
// or a confirmation and then gives the order; an approval carries the digest of the plan that was shown.
//
// Nothing is told by colour alone: what stands in the map differs by shape and label as well.
package console

import "embed"

// Files are console.html and everything under assets/.
//
//go:embed console.html assets
var Files embed.FS
