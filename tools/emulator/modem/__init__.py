"""An emulated LTE modem on a pseudo-terminal, for an emulated gateway.

    chat.py      the modem: AT commands and what it says by itself, without I/O
    serve.py     the terminal, the network behind the modem, and the commands that spoil it

PPP itself is not here. After CONNECT the modem and the gateway's emulated `network.PPP`
(`esp32_board/network.py`) exchange a few words that stand for it: what comes of a call is a state.
"""
