"""What daffi's example of asyncio.gather calls: its page does not show that side."""
from daffi import Client, callback


@callback
def process(n):
    return n * n


worker = Client(app_name="gather-worker", host="127.0.0.1", port=6001)
worker.connect()
worker.join()
