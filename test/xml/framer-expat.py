"""What expat makes of streams: one answer in JSON for each input on standard input.

An input is five bytes, its length and whether it is complete, and then its bytes. The answer holds the error, if there is one, and
the children of the root element: [start, end, namespace, local name, children, namespace of the first one, attributes].
"""

import json
import re
import struct
import sys
from xml.parsers import expat

# What no namespace name may hold: the framer refuses it, and expat would.
SEPARATOR = "\n"
TAG = re.compile(rb"""<(?:[^'">]|'[^']*'|"[^"]*")*>""")


class Reading:
    def __init__(self, data):
        self.data = data
        self.frames = []
        self.depth = 0
        self.header = 0
        self.empty_end = None
        self.parser = expat.ParserCreate("UTF-8", SEPARATOR)
        if hasattr(self.parser, "SetReparseDeferralEnabled"):
            self.parser.SetReparseDeferralEnabled(False)
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end

    def start(self, name, attributes):
        namespace, _, local = name.rpartition(SEPARATOR)
        end = self.tag_end()
        if self.depth == 0:
            self.header = end
        elif self.depth == 1:
            self.frames.append([self.parser.CurrentByteIndex, -1, namespace, local, 0, None, attributes])
        elif self.depth == 2:
            frame = self.frames[-1]
            frame[4] += 1
            if frame[5] is None:
                frame[5] = namespace
        self.depth += 1
        self.empty_end = end if self.data[end - 2] == 0x2F else None

    def end(self, _name):
        # Expat is behind an empty tag already when it tells of its end.
        end = self.empty_end or self.tag_end()
        self.empty_end = None
        self.depth -= 1
        if self.depth == 1:
            self.frames[-1][1] = end

    def tag_end(self):
        return TAG.match(self.data, self.parser.CurrentByteIndex).end()

    def read(self, is_complete):
        error = None
        try:
            self.parser.Parse(self.data, is_complete)
        except expat.ExpatError as problem:
            error = expat.ErrorString(problem.code)
        return {"error": error, "header": self.header, "frames": [frame for frame in self.frames if frame[1] >= 0]}


def main():
    source, target = sys.stdin.buffer, sys.stdout
    while True:
        head = source.read(5)
        if len(head) < 5:
            return
        length, is_complete = struct.unpack(">IB", head)
        target.write(json.dumps(Reading(source.read(length)).read(is_complete == 1)) + "\n")
        target.flush()


main()
