# The first example of the design, as it stands there; only the bodies of the steps are filled in.
from dalsegno import App, Retry, saga, step


@step
def refund_payment(order):
    print("refund", order["order_id"])


@step(retry=Retry(attempts=5, first="1s", factor=2), compensate=refund_payment)
def charge_payment(order):
    print("charge", order["amount"])
    return "payment-" + order["order_id"]


@step
def release_stock(order):
    print("release", order["order_id"])


@step(compensate=release_stock)
def reserve_inventory(order):
    print("reserve", order["order_id"])


@step
def schedule_shipping(order):
    print("ship", order["order_id"])


@step
def send_confirmation(order):
    print("confirm", order["order_id"])


@saga
def place_order(order):
    payment = charge_payment(order)
    reserve_inventory(order)
    schedule_shipping(order)
    send_confirmation(order)
    return payment


app = App("orders")
if __name__ == "__main__":
    with app as client:
        run = client.start(place_order, {"order_id": "123", "amount": 99.99}, id="order-123")
        print(run.result())
