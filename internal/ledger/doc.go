// Package ledger keeps the one account of everything that was decided: a JetStream stream that is only ever appended
// to, at a position that the writer names.
//
// Append puts a commit right behind the position from which it was decided, or fails with ErrConflict because somebody
// else was there first; the stream's expected-last-sequence makes that atomic across replicas. An append whose answer
// is lost is in doubt, and Append settles it itself by looking at the one position where the commit can stand.
// Whatever it cannot settle before its context ends it reports as ErrDoubt; following the ledger settles it later.
//
// Follow delivers every commit in order and goes on live, through restarts of servers and changes of leader. Three
// things are checked of each message before it is delivered (see Chain): its position is the next one, its bytes have
// the digest that its writer stated in a header, and it names the digest of the commit before it. A ledger that fails
// a check is broken, and no replica acts on it. So is one that ends before, or holds another commit at, a position that was
// acknowledged to this process.
//
// Open makes the stream if it is missing, or waits for it if that is not its business, and refuses one whose settings or state could lose or change a record
// (CheckStream). Audit and the export format let anybody verify a ledger without Detour running.
package ledger
