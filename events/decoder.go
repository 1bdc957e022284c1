package events

import (
	"encoding/binary"
	"reflect"
	"strings"
)

// Decoder reads many commits or events one after the other. What their strings have in common, which is most, they share in
// memory. The zero Decoder is ready; it must not be copied once it has read, nor used by two goroutines at once.
type Decoder struct {
	seen  [512]string     // strings that may come again; see keep
	names strings.Builder // strings that will not; see name
	slab  []Observed      // room for more of those of the commit that is being read
	list  []Record        // where the records of a commit are put together; empty in between
	last  last
	event wireEvent                      // room for the one that is being read
	rooms map[reflect.Type]reflect.Value // where the elements of slices are put together, by their type; see take
}

// last is what was last read in its place, and is likely to come there again.
type last struct {
	digest       Digest // of the commit, which the next one names
	by, incident string
	kind         Kind // of the record, and
	codec        codec
	observed     Observed // its strings
	value        number
	threshold    number
	evidence     number
	labels       [64]labels // by how their text begins
	day          day        // of a time
}

// labels are an anomaly's, with what stood behind their opening brace, the closing one included.
type labels struct {
	raw []byte
	of  map[string]string
}

// Decode is the function Decode.
func (d *Decoder) Decode(raw []byte) (Commit, error) { return d.DecodeStated(raw, DigestBytes(raw)) }

// DecodeStated is Decode for who has been told raw's digest, and sees to it that it is.
func (d *Decoder) DecodeStated(raw []byte, stated Digest) (c Commit, err error) {
	c, ok := d.fast(raw)
	if !ok {
		c, err = strictDecode(raw)
	}
	if err != nil {
		return Commit{}, err
	}
	c.Digest, d.last.digest = stated, stated
	return c, nil
}

// longName bounds the strings that are shared, in bytes: one that is longer is a sentence and will hardly come again.
const longName = 80

// keep makes a string of text, or finds the one that was made before.
func (d *Decoder) keep(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if len(text) > longName {
		return string(text)
	}
	slot := &d.seen[mix(text)%uint64(len(d.seen))]
	if *slot != string(text) {
		*slot = string(text)
	}
	return *slot
}

// mix is a number that few other texts have.
func mix(text []byte) uint64 {
	const odd = 0x9e3779b97f4a7c15 // its bits are spread evenly
	n := uint64(len(text))
	for ; len(text) >= 8; text = text[8:] {
		n = (n ^ binary.LittleEndian.Uint64(text)) * odd
		n ^= n >> 32
	}
	for _, b := range text {
		n = (n ^ uint64(b)) * odd
	}
	return n >> 32
}

// nameBytes is how much memory is taken at once for names.
const nameBytes = 4 << 10

// name makes a string of text that lies next to those made before and after it: no collection has to look at each.
func (d *Decoder) name(text []byte) string {
	if d.names.Cap()-d.names.Len() < len(text) {
		d.names.Reset()
		d.names.Grow(max(nameBytes, len(text)))
	}
	start := d.names.Len()
	d.names.Write(text)
	return d.names.String()[start:]
}

// observed makes one of as many as what is left of the commit, so many bytes, is likely to need.
func (d *Decoder) observed(left int) *Observed {
	const ample = 384 // bytes for one: most take fewer, and little room is left over
	if len(d.slab) == 0 {
		d.slab = make([]Observed, 1+left/ample)
	}
	o := &d.slab[0]
	d.slab = d.slab[1:]
	return o
}
