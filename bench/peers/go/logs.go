// logs: a log processor. Each line becomes an entry with a message buffer; its level and service
// are parsed; what says less than a warning is counted and dropped at once, the rest is put into
// a form that is the same for entries that differ in numbers alone, aggregated by service, and
// kept among the last ones.

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

const (
	logsEntries      = 6000000 // by all workers together
	logsMessageBytes = 512
	logsLevelBytes   = 160 // of a line, in which its level is looked for
	logsKept         = 256 // last entries that a worker keeps
	logsServices     = 512 // slots of a worker's table; the last eighth stays empty
	logsServiceBytes = 48
)

const (
	levelDebug = iota
	levelInfo
	levelWarn
	levelError
	levelFatal
	levels
)

type logService struct {
	name  []byte
	hash  uint64
	count [levels]uint64
	bytes uint64
	forms uint64 // sum of the hashes of messages' forms
}

type logMessage [logsMessageBytes]byte

type logEntry struct {
	service *logService
	message *logMessage
	length  uint32
	level   int32
}

// A logsState is a worker's own.
type logsState struct {
	w            *worker
	services     []*logService // open addressing
	kept         []*logEntry   // a ring
	other        *logService   // for what names none, and for what has no room
	serviceCount int
	entryPool    *pool[logEntry]
	messagePool  *pool[logMessage]
}

var logOther = []byte("other")

// hashBytes hashes eight bytes at a time, the last ones filled up with zeros.
func hashBytes(text []byte) uint64 {
	hash := uint64(len(text))
	for len(text) >= 8 {
		hash = mix(hash, binary.LittleEndian.Uint64(text))
		text = text[8:]
	}
	var last [8]byte
	copy(last[:], text)
	return mix(hash, binary.LittleEndian.Uint64(last[:]))
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

var levelNames = []struct {
	name  string
	level int32
}{
	{"DEBUG", levelDebug}, {"INFO", levelInfo}, {"WARN", levelWarn}, {"ERROR", levelError},
	{"FATAL", levelFatal}, {"TRACE", levelDebug}, {"NOTICE", levelInfo}, {"WARNING", levelWarn},
	{"ERR", levelError}, {"CRIT", levelFatal}, {"CRITICAL", levelFatal},
}

// sameWord compares without regard to case; name is in capitals, word is of letters.
func sameWord(name string, word []byte) bool {
	if len(name) != len(word) {
		return false
	}
	for i, c := range word {
		if c&^0x20 != name[i] {
			return false
		}
	}
	return true
}

// levelOf is the level that a word names, or -1.
func levelOf(word []byte) int32 {
	for _, n := range levelNames {
		if sameWord(n.name, word) {
			return n.level
		}
	}
	return -1
}

// parseLevel finds the first word of the line that names a level; a line that names none tells.
func parseLevel(line []byte) int32 {
	if len(line) > logsLevelBytes {
		line = line[:logsLevelBytes]
	}
	for at := 0; at < len(line); {
		for at < len(line) && !isLetter(line[at]) {
			at++
		}
		begin := at
		for at < len(line) && isLetter(line[at]) {
			at++
		}
		if begin == at {
			break
		}
		if level := levelOf(line[begin:at]); level >= 0 {
			return level
		}
	}
	return levelInfo
}

// parseService finds the first word that begins with a letter and ends in a colon, and returns
// it without "[pid]:", and what follows it; the whole line where there is none.
func parseService(line []byte) (service, rest []byte) {
	for at := 0; at < len(line); {
		stop := len(line)
		if blank := bytes.IndexByte(line[at:], ' '); blank >= 0 {
			stop = at + blank
		}
		if stop > at && line[stop-1] == ':' && isLetter(line[at]) {
			end := at
			for end < stop-1 && line[end] != '[' && end-at < logsServiceBytes {
				end++
			}
			if !isLetters(line[at:end]) || levelOf(line[at:end]) < 0 {
				return line[at:end], line[stop:]
			}
		}
		at = stop + 1
	}
	return logOther, line
}

func isLetters(word []byte) bool {
	for _, c := range word {
		if !isLetter(c) {
			return false
		}
	}
	return true
}

// copyForm copies a message with each digit made '#', so that messages of one form are equal,
// and returns the hash of that.
func (e *logEntry) copyForm(text []byte) uint64 {
	if len(text) > logsMessageBytes {
		text = text[:logsMessageBytes]
	}
	message := e.message[:len(text)]
	for i, c := range text {
		if c >= '0' && c <= '9' {
			c = '#'
		}
		message[i] = c
	}
	e.length = uint32(len(text))
	return hashBytes(message)
}

// findService returns the service of that name; `other` instead of one that has no room.
func (s *logsState) findService(name []byte) *logService {
	hash := hashBytes(name)
	for i := hash % logsServices; ; i = (i + 1) % logsServices {
		service := s.services[i]
		if service == nil {
			if s.serviceCount >= logsServices-logsServices/8 {
				return s.other
			}
			service = &logService{name: append([]byte(nil), name...), hash: hash}
			s.w.directObjects += 2
			s.services[i] = service
			s.serviceCount++
			return service
		}
		if service.hash == hash && bytes.Equal(service.name, name) {
			return service
		}
	}
}

func (s *logsState) drop(e *logEntry) {
	s.messagePool.give(s.w, e.message)
	e.message = nil
	e.service = nil
	s.entryPool.give(s.w, e)
}

// keep puts an entry among the last ones, in the place of the oldest.
func (s *logsState) keep(e *logEntry, number uint64) {
	slot := &s.kept[number%logsKept]
	if *slot != nil {
		s.drop(*slot)
	}
	*slot = e
}

// process takes one line from its text to the aggregates, and says whether it was kept.
func (s *logsState) process(line []byte, kept uint64) bool {
	e := s.entryPool.take(s.w)
	e.message = s.messagePool.take(s.w)
	e.level = parseLevel(line)
	name, rest := parseService(line)
	e.service = s.findService(name)
	form := e.copyForm(rest)
	e.service.count[e.level]++
	e.service.bytes += uint64(e.length)
	if e.level < levelWarn {
		s.drop(e)
		return false
	}
	e.service.forms += form
	s.keep(e, kept)
	return true
}

func (s *logsState) checksum() uint64 {
	var total uint64
	for _, service := range s.services {
		if service != nil {
			sum := mix(service.hash, service.bytes)
			for _, count := range service.count {
				sum = mix(sum, count)
			}
			total += mix(sum, service.forms)
		}
	}
	return total
}

// firstLine is where the worker's part of the log begins.
func firstLine(log []byte, lines int, w *worker) int {
	at := 0
	for skip := lines / w.count * w.index; skip > 0; skip-- {
		at += bytes.IndexByte(log[at:], '\n') + 1
	}
	return at
}

func init() { register("logs", runLogs) }

func runLogs(c *config, m *meter) (*result, error) {
	log, lines, err := readLog(c)
	if err != nil {
		return nil, fmt.Errorf("cannot use %s: %v", c.input, err)
	}
	entries, messages := newPool[logEntry](c), newPool[logMessage](c)
	m.start()
	r, err := runWorkers(c, func(w *worker) error {
		s := logsState{
			w:           w,
			services:    make([]*logService, logsServices),
			kept:        make([]*logEntry, logsKept),
			entryPool:   entries,
			messagePool: messages,
		}
		w.directObjects = 2
		s.other = s.findService(logOther)
		at, kept := firstLine(log, lines, w), uint64(0)
		w.ops = w.share(c.scaled(logsEntries, 1000))
		for i := uint64(0); i < w.ops; i++ {
			end := at + bytes.IndexByte(log[at:], '\n')
			line := log[at:end]
			if len(line) > 0 && line[len(line)-1] == '\r' {
				line = line[:len(line)-1]
			}
			if s.process(line, kept) {
				kept++
			}
			if at = end + 1; at == len(log) {
				at = 0
			}
		}
		w.checksum = s.checksum()
		return nil
	})
	m.stop()
	return r, err
}
