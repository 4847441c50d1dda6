// Logs: the file that is given as input, or a generated one; the twin of bench/input.c.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

const (
	logWindow    = 8 << 20 // what is read of a file, up to the last whole line within
	logLine      = 4096    // longer lines are cut into lines of this length
	logGenerated = 16000   // lines of the generated log
)

// offHeap returns memory that the collector does not know, so that the log is not counted as
// live, no more than in C.
func offHeap(size int) ([]byte, error) {
	return syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
}

// readLog returns a log, each line of it ended by '\n', and how many lines there are.
func readLog(c *config) ([]byte, int, error) {
	if c.input == "" {
		return makeLog(c.seed, logGenerated)
	}
	file, err := os.Open(c.input)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	text, err := offHeap(logWindow + 1)
	if err != nil {
		return nil, 0, err
	}
	n, err := io.ReadFull(file, text[:logWindow])
	if err != nil && err != io.ErrUnexpectedEOF {
		return nil, 0, err
	}
	if at := bytes.IndexByte(text[:n], 0); at >= 0 {
		return nil, 0, fmt.Errorf("it is not text: byte %d is zero", at)
	}
	if last := bytes.LastIndexByte(text[:n], '\n'); n == logWindow && last >= 0 {
		n = last + 1
	}
	if text[n-1] != '\n' {
		text[n] = '\n'
		n++
	}
	return text[:n], cutLines(text[:n]), nil
}

// cutLines cuts lines that are too long, and counts all.
func cutLines(text []byte) int {
	lines, length := 0, 0
	for i := range text {
		if length == logLine {
			text[i] = '\n'
		}
		if text[i] == '\n' {
			lines++
			length = 0
		} else {
			length++
		}
	}
	return lines
}

// A logWriter fills memory of a fixed size.
type logWriter struct {
	text []byte
	n    int
}

func (w *logWriter) put(text string) {
	w.n += copy(w.text[w.n:], text)
}

func (w *logWriter) number(number uint32, digits int) {
	for i := digits - 1; i >= 0; i-- {
		w.text[w.n+i] = byte('0' + number%10)
		number /= 10
	}
	w.n += digits
}

// time writes "2026-05-17T09:12:33.123Z " of the milliseconds of a day.
func (w *logWriter) time(ms uint32) {
	w.put("2026-05-17T")
	w.number(ms/3600000, 2)
	w.put(":")
	w.number(ms/60000%60, 2)
	w.put(":")
	w.number(ms/1000%60, 2)
	w.put(".")
	w.number(ms%1000, 3)
	w.put("Z ")
}

// logLevelWord: of 100 entries 30 are for debugging, 50 tell, 13 warn, 6 are errors, 1 is fatal.
func logLevelWord(share uint32) string {
	switch {
	case share < 30:
		return "DEBUG "
	case share < 80:
		return "INFO "
	case share < 93:
		return "WARN "
	case share < 99:
		return "ERROR "
	}
	return "FATAL "
}

var logSyllables = [16]string{"ba", "con", "den", "fi", "gar", "ho", "in", "ker",
	"lo", "mi", "nec", "or", "pa", "re", "so", "tu"}

var logServices = [16]string{
	"gateway", "checkout", "search", "catalog", "session", "billing", "shipping", "mail",
	"media", "profile", "pricing", "reviews", "identity", "metrics", "queue", "cache"}

// message writes words of syllables and some numbers, up to size bytes.
func (w *logWriter) message(r *random, size int) {
	for end := w.n + size; w.n < end; {
		draw := r.below(1 << 20)
		w.put(" ")
		if draw%8 == 0 {
			w.number(draw, 6)
			continue
		}
		for i := uint32(0); i < 2+(draw>>4)%3; i++ {
			w.put(logSyllables[(draw>>(6+4*i))%16])
		}
	}
}

func makeLog(seed uint64, lines int) ([]byte, int, error) {
	text, err := offHeap(lines * 640)
	if err != nil {
		return nil, 0, errors.New("no memory for a log")
	}
	w := logWriter{text: text}
	r := randomStream(seed, 1<<32)
	ms := uint32(0)
	for i := 0; i < lines; i++ {
		ms = (ms + r.below(50)) % 86400000
		w.time(ms)
		w.put(logLevelWord(r.below(100)))
		w.put(logServices[r.below(16)])
		w.put("[")
		w.number(r.below(10000), 4)
		w.put("]:")
		w.message(&r, 120+int(r.below(361)))
		w.put("\n")
	}
	return text[:w.n], lines, nil
}
