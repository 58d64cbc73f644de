// Package scan looks for identifiers of the source in what is about to be published, three times over, and stops the export
// when one has survived. What it finds it tells by table, column, kind and count; no finding, error or log holds a value.
//
//   - [Scanner.Collect] remembers the identifiers of the source before a row is written: of each column, and each path in
//     JSON, whose transformer or class makes it one. Not those that are kept under an expert determination: they are let go.
//   - A [Guard] holds each row, as it is written, against its own person and against the row that it was made from. It reads
//     text with a lexer that has nothing in common with redaction's, so that a fault there does not hide itself.
//   - [Scanner.Run] reads all that was written back and looks through every value of it: text, the elements of arrays, keys
//     and values of JSON by their path, the bytes of bytea, XML, hstore, composites, types it does not know. What a filter of
//     fixed size takes for an identifier is a candidate; a second look at the source makes sure of each.
//
// # What counts
//
// Numbers and words coincide by chance, so what is judged depends on what the policy has made of a place:
//
//	            scrubbed text          kept                    codes (ids)   made up
//	full name   yes                    yes                     yes           names, streets, cities, URLs
//	e-mail      yes                    yes                     yes           e-mails, names, streets, cities, URLs
//	phone       10 digits, in any punctuation                  no            phones, streets, cities, URLs
//	SSN         9 digits, or 3-2-4                             no            SSNs
//	record      >= 5 digits            >= 7 digits             by mapping    no
//	            or letters and digits, >= 6 in all, 3 of them digits
//	street      number and the two words after it              no            no
//	URL, IP     yes                    yes                     URL           IPs
//	date        a birth or a death, under Safe Harbor, in rows that are about somebody
//	one name    yes, but ordinary      the row's own, below    no            no
//
// Scrubbed text is what the transformer text has made, and whatever a path of JSON does not name, keys among it; a key that the
// policy names says nothing. UUIDs are judged whole wherever they stand, since no two are the same by chance. Numbers, times,
// booleans and enums that are kept are judged only as the row's own, below. In bytes that are no UTF-8 only full names, e-mail
// addresses and URLs count.
//
// A full name is two words of one person's name that stand beside each other in either order, with at most a few signs, an
// initial, a particle or one other word between; not when both are words that text is full of (young, white, will: the list is
// redaction's). One word counts by itself in scrubbed text when it has three letters and is no such word.
//
// What is given to nobody is nobody's: 555-0100 to 555-0199, SSNs and ITINs that are never issued, example.com's mailboxes,
// example.invalid, 192.0.2.0/24, 2001:db8::/32, loopback. What is made up is of these; only a guard looks for them, too.
//
// A date that the transformer year has written has to be the first of a January, whosever it is. The first of January is never
// a finding of its own: it is how a year is written.
//
// # Codes are judged by mapping
//
// An id such as 1042 that stands for another may well be somebody's: codes are drawn from a domain that the source's ids are in,
// and equality proves nothing. So the guard compares each row with the one that it was made from. In a mapping drawn by chance
// one value is its own image on average, twelve are with a chance of one in a billion: a column of codes or of shifted dates has
// failed when twelve different values are their own image, or all of five or more. So has one of made-up names, e-mails or
// streets, of four signs or more; and one of made-up phones, SSNs, URLs or IPs when more than half of five rows or more are.
//
// # The row's own person
//
// In scrubbed text, of three letters or more each word of the row's own person's name counts, ordinary or not, and the person's
// numbers, addresses, birth and death in any format. Where the policy shifts dates, one that equals the birth counts only where it
// stood before, since a newborn's visit may be shifted onto the birth, and a month's name is nobody's.
//
// In what is kept, chance has to be ruled out: somebody is called White, and the column of race says so of many. Two words of the
// own name in one value count at once. Of single words, those count that occur in the column, all rows told, at most four times as
// often as in rows of who bears them, and only when the column has five such words. A kept number of five digits or more, or a
// kept day, counts when it is the row's own person's in more than half of five rows or more, or in twelve rows and one percent.
//
// # What this cannot see
//
// Identifiers that no column of the source holds (a relative's name in prose); that are cut, misspelt, in images, compressed or
// encoded but for JSON, hexadecimal bytea and XML's entities; ids of fewer than five digits; one word of somebody else's
// name in what is kept. Words of scripts without spaces are one word each.
//
// # Memory
//
// All is of fixed size, whatever the size of the source: the filter as the caller makes it, 2^17 candidates, 4096 words a guard, 2^17
// combinations of quasi-identifiers at a time, of more a part in each of several passes. When there are more candidates than
// that, the reading ends there, and the second look decides: with a real one among them the export is stopped with what was
// found so far, else the scan fails and says that it could not be done.
package scan
